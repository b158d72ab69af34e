import type { OrderTerm } from './ast.ts';
import { Cursor } from './cursor.ts';
import { parseField } from './field.ts';

/** The value of `order`: `a.desc.nullslast,client(name).asc`. */
export function parseOrder(text: string): OrderTerm[] {
  const cursor = new Cursor(text, 'order');
  const terms: OrderTerm[] = [];
  do terms.push(parseTerm(cursor));
  while (cursor.take(','));
  if (!cursor.done) throw cursor.fail('expecting "," or end of input');
  return terms;
}

function parseTerm(cursor: Cursor): OrderTerm {
  let field = parseField(cursor);
  let relation: string | undefined;
  if (cursor.take('(')) {
    relation = field.name;
    field = parseField(cursor);
    cursor.expect(')');
  }
  const direction = cursor.match(DIRECTION)?.slice(1) as OrderTerm['direction'];
  const nulls = cursor.match(NULLS)?.slice('.nulls'.length) as OrderTerm['nulls'];
  cursor.spaces();
  return { field, relation, direction, nulls };
}

const DIRECTION = /\.(?:asc|desc)(?![\p{L}\p{N}_])/uy;
const NULLS = /\.nulls(?:first|last)/y;

import type { OrderTerm } from './ast.ts';
import { Cursor } from './cursor.ts';
import { parseField } from './field.ts';

/** The value of `order`: `a.desc.nullslast,client(name).asc`. */
export function parseOrder(text: string): OrderTerm[] {
  const cursor = new Cursor(text, 'order');
  const terms: OrderTerm[] = [];
  do terms.push(parseTerm(cursor));
  while (cursor.take(','));
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
  if (!cursor.done && !cursor.peek(',')) throw unfinished(cursor, direction, nulls);
  return { field, relation, direction, nulls };
}

function unfinished(cursor: Cursor, direction: OrderTerm['direction'], nulls: OrderTerm['nulls']): Error {
  if (nulls !== undefined) return cursor.fail('expecting "," or end of input', "'");
  if (!cursor.take('.')) return cursor.fail('expecting delimiter (.), "," or end of input', "'");
  const words = direction === undefined ? '"asc", "desc", "nullsfirst" or "nullslast"' : '"nullsfirst" or "nullslast"';
  return cursor.fail(`expecting ${words}`);
}

const DIRECTION = /\.(?:asc|desc)/y;
const NULLS = /\.nulls(?:first|last)/y;

import type { AggregateName, SelectItem, SelectedField } from './ast.ts';
import { Cursor } from './cursor.ts';
import { parseJsonPath } from './field.ts';

/** Deeper embeds than this serve nobody, and a parser that recurses needs an end. */
const DEPTH = 50;

/** The value of `select`: `id,total:amount::text,client:clients!inner(name)`. */
export function parseSelect(text: string): SelectItem[] {
  const cursor = new Cursor(text, 'select parameter');
  cursor.spaces();
  if (cursor.done) return [{ kind: 'star' }];
  // What follows the closing parenthesis of an embed is ignored, as it always was.
  return parseItems(cursor, 0);
}

function parseItems(cursor: Cursor, depth: number): SelectItem[] {
  if (depth > DEPTH) throw cursor.fail(`at most ${DEPTH} levels`);
  const items: SelectItem[] = [];
  do {
    cursor.spaces();
    items.push(parseItem(cursor, depth));
    cursor.spaces();
  } while (cursor.take(','));
  return items;
}

function parseItem(cursor: Cursor, depth: number): SelectItem {
  if (cursor.take('*')) {
    endOfField(cursor, '');
    return { kind: 'star' };
  }
  const spread = cursor.take('...') || cursor.take('..');
  const start = cursor.at;
  let name = cursor.name();
  let alias: string | undefined;
  cursor.spaces();
  if (!spread && cursor.peek(':') && !cursor.peek('::')) {
    cursor.take(':');
    cursor.spaces();
    alias = name;
    name = cursor.name();
  }
  if (cursor.peek('!') || cursor.peek('(')) {
    if (!spread && name === 'count' && cursor.take('()')) {
      return aggregated(cursor, { field: undefined, alias, cast: undefined }, 'count');
    }
    return parseEmbed(cursor, { name, alias, spread }, depth);
  }
  if (spread) throw cursor.fail(`expecting "(" after ${cursor.text.slice(start, cursor.at)}`);
  return parsePlainField(cursor, name, alias);
}

function parseEmbed(
  cursor: Cursor,
  { name, alias, spread }: { name: string; alias: string | undefined; spread: boolean },
  depth: number,
): SelectItem {
  let hint: string | undefined;
  let inner = false;
  while (cursor.take('!')) {
    const word = cursor.name();
    if (word === 'inner') inner = true;
    else if (word !== 'left') hint ??= word;
  }
  cursor.expect('(');
  cursor.spaces();
  const select = cursor.peek(')') ? [] : parseItems(cursor, depth + 1);
  cursor.expect(')');
  return { kind: 'embed', target: name, alias, hint, inner, spread, select };
}

function parsePlainField(cursor: Cursor, name: string, alias: string | undefined): SelectedField {
  const field = { name, path: parseJsonPath(cursor) };
  const cast = parseCast(cursor);
  const aggregate = cursor.match(AGGREGATE);
  if (aggregate === undefined) {
    endOfField(
      cursor,
      field.path.length > 0 || cast !== undefined ? '' : 'letter, digit, "-", "->>", "->", "::", ".", ',
    );
    return { kind: 'field', field, alias, cast, aggregate: undefined, aggregateCast: undefined };
  }
  return aggregated(cursor, { field, alias, cast }, aggregate.slice(1, -2) as AggregateName);
}

function aggregated(
  cursor: Cursor,
  parts: Pick<SelectedField, 'field' | 'alias' | 'cast'>,
  aggregate: AggregateName,
): SelectedField {
  const aggregateCast = parseCast(cursor);
  endOfField(cursor, '');
  return { kind: 'field', ...parts, aggregate, aggregateCast };
}

function endOfField(cursor: Cursor, or: string): void {
  cursor.spaces();
  if (!cursor.done && !cursor.peek(',') && !cursor.peek(')')) {
    throw cursor.fail(`expecting ${or}")", "," or end of input`, "'");
  }
}

function parseCast(cursor: Cursor): string | undefined {
  if (!cursor.take('::')) return undefined;
  const type = cursor.match(TYPE)?.trim();
  if (type === undefined || type === '') throw cursor.fail('expecting letter or digit');
  return type;
}

const AGGREGATE = /\.(?:sum|avg|count|max|min)\(\)/y;
const TYPE = /[\p{L}\p{N}_ $]+(?:\(\d+(?:,\d+)?\))?(?:\[\])*/uy;

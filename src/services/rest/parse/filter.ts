import type { Condition, IsValue, Logic, LogicTree, Test } from './ast.ts';
import { Cursor } from './cursor.ts';
import { parseField, parseJsonPath } from './field.ts';

/** Operator as in the URL, as in SQL. */
const COMPARE = tableOf({
  eq: '=',
  neq: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: '~~',
  ilike: '~~*',
  match: '~',
  imatch: '~*',
  isdistinct: 'is distinct from',
  cs: '@>',
  cd: '<@',
  ov: '&&',
  sl: '<<',
  sr: '>>',
  nxr: '&<',
  nxl: '&>',
  adj: '-|-',
});
const QUANTIFIED = new Set(['eq', 'like', 'ilike', 'gt', 'gte', 'lt', 'lte', 'match', 'imatch']);
const SEARCH = tableOf({
  fts: 'to_tsquery',
  plfts: 'plainto_tsquery',
  phfts: 'phraseto_tsquery',
  wfts: 'websearch_to_tsquery',
});
const DEPTH = 100;

/** A Map, as an object would know `constructor` too. */
function tableOf(entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(entries));
}

/** `col=op.value`: everything after the equals sign. */
export function parseCondition(key: string, value: string): Condition {
  const left = new Cursor(key, 'filter');
  const field = parseField(left);
  if (!left.done) throw left.fail('expecting end of input');
  const cursor = new Cursor(value, 'filter');
  const negated = cursor.take('not.');
  const test = parseTest(cursor, 'whole', negated ? '' : '"not" or ');
  return { kind: 'condition', negated, field, test };
}

/** Whether a value reads as a filter: a function's argument does not. */
export function looksLikeFilter(value: string): boolean {
  const [, operator = '', parens] = /^(?:not\.)?([a-z]+)(\([^)]*\))?\./.exec(value) ?? [];
  if (SEARCH.has(operator)) return true;
  if (parens !== undefined) return QUANTIFIED.has(operator) && /^\((?:any|all)\)$/.test(parens);
  return COMPARE.has(operator) || operator === 'in' || operator === 'is';
}

/** The value of `or=(a.eq.1,and(b.gt.2,not.or(…)))`. */
export function parseLogic(operator: 'and' | 'or', negated: boolean, value: string): LogicTree {
  const cursor = new Cursor(value, 'logic tree');
  cursor.shift = (negated ? 'not.' : '').length + operator.length;
  // What follows the closing parenthesis is ignored, as it always was.
  const children = parseChildren(cursor, 0);
  return { kind: 'tree', negated, operator, children };
}

function parseChildren(cursor: Cursor, depth: number): Logic[] {
  if (depth > DEPTH) throw cursor.fail(`at most ${DEPTH} levels`);
  cursor.spaces();
  cursor.expect('(');
  const children: Logic[] = [];
  do {
    cursor.spaces();
    children.push(parseChild(cursor, depth));
    cursor.spaces();
  } while (cursor.take(','));
  cursor.expect(')');
  return children;
}

function parseChild(cursor: Cursor, depth: number): Logic {
  const start = cursor.at;
  const negated = cursor.take('not.');
  const operator = cursor.match(TREE);
  if (operator !== undefined) {
    const children = parseChildren(cursor, depth + 1);
    return { kind: 'tree', negated, operator: operator === 'and' ? 'and' : 'or', children };
  }
  if (negated) throw cursor.fail('expecting logic operator (and, or)');
  cursor.at = start;
  const name = cursor.name(CHILD);
  const field = { name, path: parseJsonPath(cursor) };
  cursor.spaces();
  cursor.expect('.', 'expecting delimiter (.)');
  const not = cursor.take('not.');
  return { kind: 'condition', negated: not, field, test: parseTest(cursor, 'listed', not ? '' : '"not" or ') };
}

const CHILD = 'expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)';

/** `whole`: the value goes to the end. `listed`: it ends at a comma or a parenthesis unless it is quoted. */
function parseTest(cursor: Cursor, extent: 'whole' | 'listed', or: string): Test {
  const start = cursor.at;
  const operator = cursor.match(WORD) ?? '';
  if (operator === 'in' && cursor.peek('.')) return { kind: 'in', values: parseList(cursor) };
  if (operator === 'is' && cursor.peek('.')) return { kind: 'is', value: parseIs(cursor) };
  const search = SEARCH.get(operator);
  if (search !== undefined) {
    const language = cursor.match(LANGUAGE)?.slice(1, -1).trim();
    cursor.expect('.', OPERATOR);
    return { kind: 'search', operator: search, language, value: parseValue(cursor, extent) };
  }
  const compare = COMPARE.get(operator);
  if (compare === undefined) {
    cursor.at = start;
    throw cursor.fail(`expecting ${or}operator (eq, gt, ...)`);
  }
  const quantifier = QUANTIFIED.has(operator) ? parseQuantifier(cursor) : undefined;
  cursor.expect('.', OPERATOR);
  const value = parseValue(cursor, extent);
  return {
    kind: 'compare',
    operator: compare,
    quantifier,
    value: operator.endsWith('like') ? starsToPercent(value) : value,
  };
}

const OPERATOR = 'expecting operator (eq, gt, ...)';

function parseQuantifier(cursor: Cursor): 'any' | 'all' | undefined {
  if (cursor.take('(any)')) return 'any';
  return cursor.take('(all)') ? 'all' : undefined;
}

function parseIs(cursor: Cursor): IsValue {
  cursor.expect('.');
  const value = cursor.match(IS_VALUE)?.toLowerCase();
  if (value === undefined) throw cursor.fail('expecting isVal: (null, not_null, true, false, unknown)');
  return value as IsValue;
}

/** Spaces after the parenthesis are none of the first value's; those after a comma belong to what follows. */
function parseList(cursor: Cursor): string[] {
  cursor.expect('.');
  cursor.spaces();
  cursor.expect('(');
  cursor.spaces();
  const values: string[] = [];
  do values.push(parseListItem(cursor));
  while (cursor.take(','));
  cursor.expect(')');
  cursor.spaces();
  return values.length === 1 && values[0] === '' ? [] : values;
}

/** A quoted item must end at a comma or the parenthesis; otherwise its quotes are part of it. */
function parseListItem(cursor: Cursor): string {
  return quotedItem(cursor) ?? cursor.match(LIST_ITEM) ?? '';
}

function parseValue(cursor: Cursor, extent: 'whole' | 'listed'): string {
  if (extent === 'whole') return cursor.match(REST) ?? '';
  return quotedItem(cursor) ?? cursor.match(BRACES) ?? cursor.match(LIST_ITEM) ?? '';
}

function quotedItem(cursor: Cursor): string | undefined {
  const start = cursor.at;
  const quoted = cursor.match(QUOTED);
  if (quoted === undefined) return undefined;
  if (cursor.done || cursor.peek(',') || cursor.peek(')')) return quoted.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
  cursor.at = start;
  return undefined;
}

function starsToPercent(value: string): string {
  return value.replaceAll('*', '%');
}

const TREE = /(?:and|or)(?=\s*\()/y;
const WORD = /[a-z]+/y;
const LANGUAGE = /\([\p{L}\p{N}_ $]+\)/uy;
const IS_VALUE = /null|not_null|true|false|unknown/iy;
const REST = /[^]*/y;
const LIST_ITEM = /[^,)]*/y;
const BRACES = /\{[^{}]*\}(?=[,)]|$)/y;
const QUOTED = /"(?:[^"\\]|\\.)*"/sy;

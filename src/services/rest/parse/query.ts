import { badRequest } from '../errors.ts';
import type { At, Logic, OrderTerm, SelectItem } from './ast.ts';
import { parseCondition, parseLogic } from './filter.ts';
import { parseOrder } from './order.ts';
import { parseSelect } from './select.ts';
import { Cursor } from './cursor.ts';

/** Everything that the query string says, once it is known which keys are arguments of a function. */
export interface Query {
  readonly select: readonly SelectItem[];
  readonly filters: ReadonlyArray<At<Logic>>;
  readonly order: ReadonlyArray<At<readonly OrderTerm[]>>;
  readonly limit: ReadonlyArray<At<number>>;
  readonly offset: ReadonlyArray<At<number>>;
  readonly columns: readonly string[] | undefined;
  readonly onConflict: readonly string[] | undefined;
}

/** A key without `=` is `bare`: part of the address, but nothing that is asked for. */
export type Pair = readonly [key: string, value: string, bare?: true];

/** @param pairs without those that are a function's arguments */
export function parseQuery(pairs: readonly Pair[]): Query {
  let select: readonly SelectItem[] = [{ kind: 'star' }];
  let columns: readonly string[] | undefined;
  let onConflict: readonly string[] | undefined;
  const filters: Array<At<Logic>> = [];
  const order: Array<At<readonly OrderTerm[]>> = [];
  const limit: Array<At<number>> = [];
  const offset: Array<At<number>> = [];
  for (const [key, value, bare] of pairs) {
    if (bare) continue;
    if (key === 'select') select = parseSelect(value);
    else if (key === 'columns') columns = parseNames(value, 'columns parameter');
    else if (key === 'on_conflict') onConflict = parseNames(value, 'on_conflict parameter');
    else {
      const { path, last } = splitKey(key);
      const logic = /^(not\.)?(and|or)$/.exec(last);
      if (last === 'order') {
        order.push({ path, value: parseOrder(value) });
      } else if (last === 'limit' || last === 'offset') {
        const number = parseCount(value);
        if (number !== undefined) (last === 'limit' ? limit : offset).push({ path, value: number });
      } else if (logic) {
        filters.push({ path, value: parseLogic(logic[2] === 'or' ? 'or' : 'and', logic[1] !== undefined, value) });
      } else {
        filters.push({ path, value: parseCondition(last, value) });
      }
    }
  }
  return { select, filters, order, limit, offset, columns, onConflict };
}

/** Keys with a meaning of their own, which no argument of a function can have. */
export function isReserved(key: string): boolean {
  return RESERVED.has(key) || /\.(order|limit|offset|and|or)$/.test(key);
}
const RESERVED = new Set([
  'select',
  'columns',
  'on_conflict',
  'order',
  'limit',
  'offset',
  'and',
  'or',
  'not.and',
  'not.or',
]);

/** `a.b.col->>x` is the column of the embed b in the embed a. */
function splitKey(key: string): { path: string[]; last: string } {
  if (!key.includes('.')) return { path: [], last: key };
  const cursor = new Cursor(key, 'filter');
  const path: string[] = [];
  for (;;) {
    const rest = key.slice(cursor.at);
    if (/^(not\.)?(and|or)$/.test(rest)) return { path, last: rest };
    const name = cursor.name();
    if (!cursor.take('.')) return { path, last: rest };
    path.push(name);
  }
}

function parseNames(text: string, what: string): string[] {
  const cursor = new Cursor(text, what);
  const names: string[] = [];
  do {
    cursor.spaces();
    names.push(cursor.name());
    cursor.spaces();
  } while (cursor.take(','));
  return [...new Set(names)];
}

/** What is no number is no limit, as it always was. */
function parseCount(text: string): number | undefined {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * A key or a value of a query string.
 *
 * @throws RestError PGRST100 when it is not percent-encoded UTF-8, or holds a NUL that no text in Postgres can hold
 */
export function decodePart(text: string): string {
  if (!/[%+\0]/.test(text)) return text;
  let decoded: string;
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw badRequest.parse('query string', 0, 'it is not percent-encoded UTF-8');
  }
  if (decoded.includes('\0')) throw badRequest.parse('query string', 0, 'unexpected NUL');
  return decoded;
}

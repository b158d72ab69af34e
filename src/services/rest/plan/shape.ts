import { blindOperand } from '../sealed/values.ts';
import { decodePart, isReserved, type Pair } from '../parse/query.ts';

/** A query without the values of its plain comparisons: requests that differ in these alone share a plan. */
export interface Shape {
  readonly key: string;
  readonly values: readonly string[];
  /** The query, decoded, with a mark where each value stood. */
  readonly pairs: () => Pair[];
}

/**
 * @param query still percent-encoded. Its `apikey` says who asks, not what.
 * @param lift whether values are taken out: an argument of a function may look like a comparison
 * @throws RestError PGRST100 as `decodePart`
 */
export function shapeOf(query: string, lift: boolean): Shape {
  const values: string[] = [];
  if (query.includes(MARK)) decodePart(query); // refuses it
  const parts = query === '' ? [] : query.split('&').filter((part) => part !== '' && !part.startsWith('apikey='));
  const lifted = parts.map((part) => {
    const at = part.indexOf('=') + 1;
    const operator = lift && at > 0 ? COMPARISON.exec(part.slice(at, at + LONGEST))?.[0] : undefined;
    if (operator === undefined || isReserved(decodePart(part.slice(0, at - 1)))) return part;
    const end = at + operator.length;
    values.push(decodePart(part.slice(end)));
    return part.slice(0, end) + mark(values.length - 1);
  });
  return { key: lifted.join('&'), values, pairs: () => lifted.map((part) => pairOf(part)) };
}

function pairOf(part: string): Pair {
  const at = part.indexOf('=');
  if (at < 0) return [decodePart(part), '', true];
  const value = part.slice(at + 1);
  return [decodePart(part.slice(0, at)), value.includes(MARK) ? value : decodePart(value)];
}

/** Stands for the body of a request, in a plan that serves others too. */
export const BODY = '\u0000body';

/** Puts the values, and the body, where a statement has marks for them. */
export function unmask(
  bound: ReadonlyArray<string | null>,
  values: readonly string[],
  body: string | undefined,
): Array<string | null> {
  return bound.map((value) => {
    if (value?.startsWith(MARK) !== true) return value;
    if (value === BODY) return body ?? null;
    const [head, operand] = blindOperand(value) ?? ['', value];
    return head + (operand.startsWith(MARK) ? (values[Number(operand.slice(1))] ?? operand) : operand);
  });
}

/** Splits a text with marks, so that values can be put in again and again. */
export function fillIn(text: string, encode: (value: string) => string): (values: readonly string[]) => string {
  const [first = '', ...pieces] = text.split(MARKS);
  if (pieces.length === 0) return () => first;
  return (values) => {
    let filled = first;
    for (let at = 0; at < pieces.length; at += 2) {
      filled += encode(values[Number(pieces[at])] ?? '') + (pieces[at + 1] ?? '');
    }
    return filled;
  };
}

/** Their operand goes to a parameter as it is. */
const COMPARISON = /^(?:not\.)?(?:eq|neq|gt|gte|lt|lte)\./;
const LONGEST = 'not.neq.'.length;
/** No client's text has it: NUL is refused when a query is decoded. */
export const MARK = '\u0000';
const MARKS = new RegExp(`${MARK}(\\d+)`);
const mark = (at: number): string => MARK + at;

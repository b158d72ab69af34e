import { blindOperand } from '../sealed/values.ts';
import { isReserved, type Pair } from '../parse/query.ts';

/** A query without the values of its plain comparisons: requests that differ in these alone share a plan. */
export interface Shape {
  readonly key: string;
  /** The query with a mark where each value stood. */
  readonly pairs: readonly Pair[];
  readonly values: readonly string[];
}

export function shapeOf(pairs: readonly Pair[]): Shape {
  const values: string[] = [];
  const masked = pairs.map((pair): Pair => {
    const [key, value] = pair;
    const operator = isReserved(key) ? undefined : COMPARISON.exec(value)?.[0];
    if (operator === undefined) return pair;
    values.push(value.slice(operator.length));
    return [key, operator + mark(values.length - 1)];
  });
  return { key: masked.map((pair) => pair.join('=')).join('&'), pairs: masked, values };
}

/** Puts the values where a statement that was made of the masked query has marks. */
export function unmask(bound: ReadonlyArray<string | null>, values: readonly string[]): Array<string | null> {
  if (values.length === 0) return [...bound];
  const unmasked = (value: string): string =>
    value.startsWith(MARK) ? (values[Number(value.slice(1))] ?? value) : value;
  return bound.map((value) => {
    if (value?.startsWith(MARK) !== true) return value;
    const [head, operand] = blindOperand(value) ?? ['', value];
    return head + unmasked(operand);
  });
}

/** Their operand goes to a parameter as it is. */
const COMPARISON = /^(?:not\.)?(?:eq|neq|gt|gte|lt|lte)\./;
/** No client's text has it: NUL is refused when a query is decoded. */
const MARK = '\u0000';
const mark = (at: number): string => MARK + at;

import { randomBytes } from 'node:crypto';
import type { SealedColumn, SealedColumns } from '../../../foundation/encryption/sealed-columns.ts';
import { arrayLiteral } from '../schema/array-literal.ts';

/**
 * Parameters that are worked out when a statement is run, as statements are compiled once for many requests. No client's
 * text begins with NUL.
 */
const NUL = '\u0000';
/** Stands for the mark of the request. */
export const MARK = `${NUL}mark`;
const BLIND = `${NUL}blind:`;
const BLIND_LIST = `${NUL}blinds:`;

/** The blind index of a value, which may itself be a mask that `unmask` replaces first. */
export function blindValue({ id }: SealedColumn, value: string): string {
  return `${BLIND}${id}:${value}`;
}

export function blindValues({ id }: SealedColumn, values: readonly string[]): string {
  return `${BLIND_LIST}${id}:${JSON.stringify(values)}`;
}

/** Splits what `blindValue` joined, for `unmask`. */
export function blindOperand(value: string): readonly [head: string, operand: string] | undefined {
  if (!value.startsWith(BLIND)) return undefined;
  const at = value.indexOf(':', BLIND.length) + 1;
  return [value.slice(0, at), value.slice(at)];
}

/** 96 random bits that no earlier request has shown to anybody. */
export function newMark(): string {
  return randomBytes(12).toString('base64url');
}

export function finishValues(
  values: ReadonlyArray<string | null>,
  mark: string,
  sealed: SealedColumns,
): Array<string | null> {
  return values.map((value) => (value?.startsWith(NUL) === true ? finish(value, mark, sealed) : value));
}

function finish(value: string, mark: string, sealed: SealedColumns): string {
  if (value === MARK) return mark;
  const list = value.startsWith(BLIND_LIST);
  const rest = value.slice((list ? BLIND_LIST : BLIND).length);
  const at = rest.indexOf(':');
  const column = sealed.byId(Number(rest.slice(0, at)));
  if (column === undefined) throw new Error('a statement names an encrypted column that is none');
  const blind = (text: string): string => sealed.keys.blindIndex(column.name, text);
  const operand = rest.slice(at + 1);
  return list ? arrayLiteral((JSON.parse(operand) as string[]).map((text) => blind(text))) : blind(operand);
}

import { literal } from '../../../foundation/postgres/sql.ts';
import type { Session } from '../../../foundation/postgres/session.ts';

export interface SequenceValue {
  readonly identity: string;
  /** Text: a bigint. */
  readonly lastValue: string;
  readonly isCalled: boolean;
}

/** Sequences are not bound to snapshots: what is read is the value of now, never behind the rows that were copied. */
export async function readSequences(session: Session, sequences: readonly string[]): Promise<SequenceValue[]> {
  if (sequences.length === 0) return [];
  const selects = sequences.map(
    (identity) =>
      `select ${literal(identity)} as identity, last_value::text as "lastValue", is_called as "isCalled" from ${identity}`,
  );
  return session.rows<SequenceValue & Record<string, unknown>>(selects.join(' union all '));
}

export async function setSequences(session: Session, values: readonly SequenceValue[]): Promise<void> {
  for (const { identity, lastValue, isCalled } of values) {
    await session.rows('select setval($1::regclass, $2::bigint, $3::boolean)', [identity, lastValue, isCalled]);
  }
}

/** As `setSequences`, in a way that a rollback undoes: ALTER SEQUENCE gives it a new file first. */
export async function restoreSequences(session: Session, values: readonly SequenceValue[]): Promise<void> {
  for (const { identity } of values) await session.script(`alter sequence if exists ${identity} restart`);
  await setSequences(session, values);
}

/** Sequences whose next value on the target would be one that the source has given out already. */
export async function sequencesBehind(
  source: Session,
  target: Session,
  sequences: readonly string[],
): Promise<string[]> {
  const here = new Map((await readSequences(target, sequences)).map((value) => [value.identity, value]));
  return (await readSequences(source, sequences))
    .filter((value) => {
      const mine = here.get(value.identity);
      return (
        !mine ||
        BigInt(mine.lastValue) < BigInt(value.lastValue) ||
        (value.isCalled && !mine.isCalled && mine.lastValue === value.lastValue)
      );
    })
    .map(({ identity }) => identity);
}

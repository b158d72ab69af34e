import type { Pool } from '../../../foundation/postgres/pool.ts';
import type { Session } from '../../../foundation/postgres/session.ts';

/** One open transaction. */
export type Tx = Pick<Session, 'rows'>;

/** For statements that need no transaction around them and whose only column is `row`: one round trip each. */
export function directly(database: Pool): Tx {
  return {
    rows: async (text: string, values?: readonly unknown[]) => {
      const bound = (values ?? []) as ReadonlyArray<string | null>;
      const [rows = []] = await database.run({ statements: [{ text, values: bound }], end: 'commit' });
      return rows.map(([row]) => ({ row: JSON.parse(row ?? 'null') as unknown })) as never;
    },
  };
}

/** A moment as Postgres writes it into JSON: `2026-01-31T12:00:00.123456+00:00`. */
export type Moment = string;

/** The id that GoTrue writes where it once had several projects in one database. */
export const NO_INSTANCE = '00000000-0000-0000-0000-000000000000';

/** Rows whose only column is `row`, as JSON: names and nulls as in the table, times in ISO 8601. */
export async function jsonRows<R>(tx: Tx, text: string, values: readonly unknown[]): Promise<R[]> {
  const rows = await tx.rows<{ row: R }>(text, values);
  return rows.map(({ row }) => row);
}

/** Milliseconds since the epoch. A time without a zone is in UTC, as `sessions.refreshed_at` is. */
export function millis(moment: Moment): number {
  return Date.parse(/(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(moment) ? moment : `${moment}Z`);
}

export function iso(now: number): Moment {
  return new Date(now).toISOString();
}

/** `"a" = $2, "b" = $3`, with the values from `$from` on. The names come from our code, never from a request. */
export function assignments(
  changes: Readonly<Record<string, unknown>>,
  from: number,
): [sql: string, values: unknown[]] {
  const entries = Object.entries(changes).filter(([, value]) => value !== undefined);
  const sql = entries.map(([name], at) => `"${name}" = $${from + at}`).join(', ');
  return [sql, entries.map(([, value]) => (isPlain(value) ? JSON.stringify(value) : value))];
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { Session } from '../../../foundation/postgres/session.ts';

/** Lets applications only read, or write again. */
export async function holdWrites(address: DatabaseAddress, hold: boolean): Promise<void> {
  const session = await Session.open(address, {
    applicationName: 'vectabase disk guard',
    settings: { default_transaction_read_only: 'off' },
  });
  try {
    await session.rows('select vectabase.hold_writes($1)', [hold]);
  } finally {
    await session.close();
  }
}

/** What waits in pg_wal for the archive. Times in milliseconds since the epoch. */
export interface Backlog {
  readonly waiting: number;
  readonly archivedAt: number | undefined;
  readonly failedAt: number | undefined;
}

export async function readBacklog(session: Session): Promise<Backlog> {
  const [row] = await session.rows<{ waiting: number; archived: string | null; failed: string | null }>(
    `select waiting, extract(epoch from archived_at)::text as archived, extract(epoch from failed_at)::text as failed
       from vectabase.archive_backlog()`,
  );
  const ms = (seconds: string | null | undefined): number | undefined =>
    seconds === null || seconds === undefined ? undefined : Number(seconds) * 1_000;
  return { waiting: row?.waiting ?? 0, archivedAt: ms(row?.archived), failedAt: ms(row?.failed) };
}

/** Files in pg_wal, and milliseconds, from which an archive that does not move is worth an alert. */
const [MANY, LONG] = [64, 15 * 60_000];

/** Why somebody should look at the archive; undefined when nobody needs to. */
export function stuckArchive({ waiting, archivedAt }: Backlog, since: number, now: number): string | undefined {
  if (waiting >= MANY) return `${waiting} files of WAL wait in pg_wal`;
  const last = Math.max(archivedAt ?? 0, since);
  if (waiting > 0 && now - last >= LONG) return `nothing was archived for ${Math.round((now - last) / 60_000)} minutes`;
  return undefined;
}

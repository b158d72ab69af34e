import { messageOf } from '../../../foundation/core/errors.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import { parseLsn } from '../names.ts';
import { readBacklog, type Backlog } from './backlog.ts';
import type { Mark } from './wal-log.ts';

export interface Beat {
  readonly mark: Mark;
  readonly backlog: Backlog;
}

export interface HeartbeatInput {
  readonly address: DatabaseAddress;
  /** Hears where the commit is, and what waits in pg_wal. */
  readonly beat: (beat: Beat) => void;
  /** Hears why a beat failed; the next one is tried as if nothing had happened. */
  readonly failed: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds. A segment is archived a minute after its first record at the latest, so more would not be seen. */
const EVERY = 55_000;

/**
 * Commits once a minute. Without a commit behind it a moment cannot be returned to ("recovery ended before the target
 * was reached"), and an idle database has none. A busy one beats too: that is how the catalogue knows, to the minute,
 * which commit lies before which position, for the price of one updated row.
 */
export async function keepBeating({ address, beat: hear, failed, signal }: HeartbeatInput): Promise<void> {
  while (!signal.aborted) {
    await beat(address).then(hear, (error: unknown) => failed(messageOf(error)));
    await sleep(EVERY, signal).catch(() => undefined);
  }
}

/** A session for each: one that waits a minute between two words is what gets lost unnoticed. */
export async function beat(address: DatabaseAddress): Promise<Beat> {
  const session = await Session.open(address, {
    applicationName: 'vectabase heartbeat',
    // Also while writes of applications are held back.
    settings: { default_transaction_read_only: 'off', statement_timeout: '10s' },
  });
  try {
    const [row] = await session.rows<{ at: string }>('select extract(epoch from vectabase.beat())::text as at');
    // The commit is before what follows it, and not before the time that it wrote.
    const [now] = await session.rows<{ lsn: string; file: string }>(
      'select lsn::text, pg_walfile_name(lsn) as file from pg_current_wal_insert_lsn() as lsn',
    );
    const lsn = parseLsn(now?.lsn ?? '');
    if (!row || !now || lsn === undefined) throw new Error('the database does not tell where its WAL is');
    const timeline = Number.parseInt(now.file.slice(0, 8), 16);
    const mark = { timeline, lsn, time: Math.floor(Number(row.at) * 1_000) };
    return { mark, backlog: await readBacklog(session) };
  } finally {
    await session.close();
  }
}

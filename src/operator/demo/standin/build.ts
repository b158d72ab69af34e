import type { JobContext, Observation } from '../../../foundation/core/observe.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import { applyTemplates } from '../../../foundation/postgres/templates.ts';
import { countRows, type Counts } from './counts.ts';
import { authRows } from './rows-auth.ts';
import { botRows } from './rows-bot.ts';
import { communityRows } from './rows-community.ts';
import { moneyRows } from './rows-money.ts';
import { peopleRows } from './rows-people.ts';
import { shopRows } from './rows-shop.ts';
import { requestLogRows, trafficRows } from './rows-traffic.ts';
import { insertRows, NASTY, type TableRows } from './sql.ts';

export interface StandinOptions {
  /** Rows in public, auth and storage together, to the row; 5 000 to 5 000 000, 100 000 unless told. */
  readonly rows?: number;
  /** The same seed makes the same bytes. 1 unless told. */
  readonly seed?: number;
  /** Size of the one huge row in app_private, in bytes; 1 000 000 unless told. */
  readonly hugeRowBytes?: number;
  /** False leaves out the schema app_private: what the marketplace lacks and other projects have. */
  readonly specimens?: boolean;
}

export type StandinObservation = Observation & {
  readonly event: `demo.standin.${'started' | 'progress' | 'finished'}`;
};

export interface StandinReport {
  /** Rows by `schema.table`, as inserted. */
  readonly tables: Readonly<Record<string, number>>;
  readonly rows: number;
}

/**
 * Builds the stand-in source in the empty database that `admin` is connected to: the shape of a hosted project, the
 * 60 tables of the marketplace, and generated rows with every trap of the real one.
 *
 * @param admin a superuser (the roles of a hosted project are made where they are absent)
 * @throws VectabaseError USAGE when `rows` is out of range; what applyTemplates throws
 */
export async function buildStandinSource(
  admin: Session,
  options: StandinOptions,
  context: JobContext<StandinObservation>,
): Promise<StandinReport> {
  const rows = options.rows ?? 100_000;
  if (!Number.isInteger(rows) || rows < 5_000 || rows > 5_000_000) {
    throw new VectabaseError('USAGE', {
      message: `${rows} rows are outside 5000 to 5000000`,
      hint: 'Ask for a number of rows between 5000 and 5000000.',
    });
  }
  const started = context.clock.now();
  context.observe({ event: 'demo.standin.started', id: 'source', totalRows: rows });
  const specimens = options.specimens ?? true;
  const areas = ['platform', 'hosted', 'marketplace', ...(specimens ? ['specimens'] : [])];
  for (const area of areas) await applyTemplates(admin, area);
  const variables = { seed: String(options.seed ?? 1), nasty: JSON.stringify(NASTY) };
  await applyTemplates(admin, 'standin_rows', { variables });

  const tables = await loadRows(admin, countRows(rows), rows, context);
  if (specimens) await insertHugeRow(admin, options.hugeRowBytes ?? 1_000_000);
  await applyTemplates(admin, 'standin_tidy');
  await admin.script('analyze');
  const ms = context.clock.now() - started;
  context.observe({ event: 'demo.standin.finished', id: 'source', rows, totalRows: rows, ms });
  return { tables, rows };
}

async function loadRows(
  admin: Session,
  counts: Counts,
  total: number,
  context: JobContext<StandinObservation>,
): Promise<Record<string, number>> {
  const tables: Record<string, number> = { 'storage.buckets': 4 };
  const load = async (table: TableRows): Promise<void> => {
    context.signal.throwIfAborted();
    const name = table.table.includes('.') ? table.table : `public.${table.table}`;
    tables[name] = await admin.count(insertRows(table));
    context.observe({ event: 'demo.standin.progress', id: name, rows: tables[name] });
  };

  // Triggers and foreign keys stay off, or the six insert triggers would put right what has to be wrong.
  await admin.script(`begin;
    set local session_replication_role = replica; set local synchronous_commit = off; set local statement_timeout = 0;
    set local search_path = pg_catalog; set local timezone = 'UTC'; set local jit = off`);
  const cancel = (): void => admin.cancel();
  context.signal.addEventListener('abort', cancel, { once: true });
  try {
    for (const rowsOf of ROWS) for (const table of rowsOf(counts)) await load(table);
    const sofar = Object.values(tables).reduce((sum, count) => sum + count, 0);
    await load(requestLogRows(counts, total - sofar));
    await admin.script(`select setval('auth.refresh_tokens_id_seq', ${counts['auth.refresh_tokens'] + 41}); commit`);
  } catch (error) {
    await admin.script('rollback').catch(() => undefined);
    context.signal.throwIfAborted(); // its reason says more than Postgres' "canceling statement"
    throw error;
  } finally {
    context.signal.removeEventListener('abort', cancel);
  }
  return tables;
}

/** Repeats 32 kB of hashes: making all of 200 MB anew takes 14 s. */
async function insertHugeRow(admin: Session, bytes: number): Promise<void> {
  await admin.rows(
    `insert into app_private.huge
     select 1, left(repeat(string_agg(md5(n::text), '' order by n), 1 + $1::integer / 32768), $1::integer)
     from generate_series(1, 1024) as n`,
    [bytes],
  );
}

const ROWS = [authRows, peopleRows, shopRows, moneyRows, communityRows, botRows, trafficRows];

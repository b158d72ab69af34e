import { VectabaseError } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { readSlowLog, withoutValues } from './slow-log.ts';

export interface SlowQuery {
  /** Without values: `$1` where the statement had them. */
  readonly query: string;
  readonly calls: number;
  readonly meanMs: number;
  readonly maxMs: number;
  readonly totalMs: number;
  readonly rows: number | null;
  readonly role: string | null;
}

export interface SlowReport {
  readonly version: 1;
  readonly database: string;
  readonly from: 'pg_stat_statements' | 'log';
  readonly overMs: number;
  /** ISO 8601: since when it has been counted, where that is known. */
  readonly since: string | null;
  /** The most time in total first. */
  readonly queries: readonly SlowQuery[];
}

export interface SlowInput {
  readonly target: DatabaseAddress;
  readonly overMs: number;
  readonly limit: number;
  readonly from: 'auto' | 'statements' | 'log';
  /** The server's log, where it is a file that can be read here. */
  readonly logFile: string | undefined;
}

/**
 * Queries that once took longer than `overMs`: from pg_stat_statements where the server keeps it, else from its log.
 *
 * @throws VectabaseError PRECONDITION_FAILED when there is neither
 */
export async function slowQueries(input: SlowInput): Promise<SlowReport> {
  const report = { version: 1, database: input.target.database, overMs: input.overMs } as const;
  const counted = input.from === 'log' ? undefined : await fromStatements(input);
  if (counted) return { ...report, from: 'pg_stat_statements', ...counted };
  if (input.from === 'statements' || input.logFile === undefined) throw nothingToRead(input);
  const queries = await readSlowLog(input.logFile, input.target.database, input.overMs);
  return { ...report, from: 'log', since: null, queries: queries.slice(0, input.limit) };
}

async function fromStatements({
  target,
  overMs,
  limit,
}: SlowInput): Promise<Pick<SlowReport, 'since' | 'queries'> | undefined> {
  const session = await Session.open(target, { applicationName: 'vectabase db slow' });
  try {
    const [extension] = await session.rows<{ schema: string }>(
      `select nspname::text as schema from pg_catalog.pg_extension e
       join pg_catalog.pg_namespace n on n.oid = e.extnamespace where extname = 'pg_stat_statements'`,
    );
    if (!extension) return undefined;
    const queries = await session.rows<SlowQuery & Record<string, unknown>>(statements(extension.schema), [
      overMs,
      limit,
    ]);
    const [info] = await session.rows<{ since: string }>(
      `select to_char(stats_reset at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
       from ${ident(extension.schema, 'pg_stat_statements_info')}`,
    );
    // Commands that no plan is made for are kept as they were typed, `alter role … password '…'` too.
    const shown = queries.map((query) => ({ ...query, query: withoutValues(query.query) }));
    return { since: info?.since ?? null, queries: shown };
  } catch (error) {
    // Made in the database, but the server does not load its library.
    if (isSqlState(error, '55000')) return undefined;
    throw error;
  } finally {
    await session.close();
  }
}

/** to_json: numbers as JavaScript has them. */
function statements(schema: string): string {
  return `
    select query, to_json(calls) as calls, to_json(mean_exec_time) as "meanMs", to_json(max_exec_time) as "maxMs",
      to_json(total_exec_time) as "totalMs", to_json(rows) as rows, pg_catalog.pg_get_userbyid(userid)::text as role
    from ${ident(schema, 'pg_stat_statements')}
    where max_exec_time > $1 and dbid = (select oid from pg_catalog.pg_database where datname = current_database())
    order by total_exec_time desc limit $2`;
}

function nothingToRead({ from, target }: SlowInput): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `database ${target.database} keeps no statistics of statements${from === 'statements' ? '' : ', and its log is not on this machine'}`,
    hint: 'Add pg_stat_statements to shared_preload_libraries, restart the server, and run: create extension pg_stat_statements',
  });
}

import { VectabaseError } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import { runQuery } from '../../foundation/postgres/queries.ts';
import { Session } from '../../foundation/postgres/session.ts';
import type { InspectReport } from './inspect-reports.ts';
import { withoutValues } from './slow-log.ts';

/**
 * Columns in the order of the report. The end of a name tells its unit: `_bytes`, `_ms`, `_percent`; instants are
 * ISO 8601. Statements stand there without their values.
 */
export type InspectRow = Readonly<Record<string, string | number | boolean | null>>;

export interface InspectResult {
  readonly report: string;
  readonly database: string;
  /** Null: the report needs pg_stat_statements, and the server does not keep it. */
  readonly rows: readonly InspectRow[] | null;
}

/** Answers the reports over one read-only connection, in their order. */
export async function inspectDatabase(
  target: DatabaseAddress,
  reports: readonly InspectReport[],
): Promise<InspectResult[]> {
  const session = await Session.open(target, {
    applicationName: 'vectabase db inspect',
    settings: { default_transaction_read_only: 'on', statement_timeout: '60s', search_path: 'pg_catalog' },
  });
  try {
    const schema = await schemaOfStatements(session);
    const results: InspectResult[] = [];
    for (const report of reports) {
      results.push({
        report: report.name,
        database: target.database,
        rows: await rowsOf(session, report, schema),
      });
    }
    return results;
  } finally {
    await session.close();
  }
}

export function noStatements(database: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `database ${database} keeps no statistics of statements`,
    hint: 'Add pg_stat_statements to shared_preload_libraries, restart the server, and run: create extension pg_stat_statements',
  });
}

async function rowsOf(
  session: Session,
  { name, statements }: InspectReport,
  schema: string | undefined,
): Promise<InspectRow[] | null> {
  if (statements === true && schema === undefined) return null;
  try {
    const names = { statements: [schema ?? '', 'pg_stat_statements'] };
    return (await runQuery<InspectRow>(session, 'inspect', name, names)).map(withoutLiterals);
  } catch (error) {
    // Made in the database, but the server does not load its library.
    if (statements === true && isSqlState(error, '55000')) return null;
    throw error;
  }
}

async function schemaOfStatements(session: Session): Promise<string | undefined> {
  const [extension] = await session.rows<{ schema: string }>(
    `select n.nspname::text as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'pg_stat_statements'`,
  );
  return extension?.schema;
}

/** Statements as they were typed may hold people's data, and passwords. */
function withoutLiterals(row: InspectRow): InspectRow {
  const shown = Object.entries(row).map(([name, value]) => {
    return [name, /(^|_)query$/.test(name) && typeof value === 'string' ? withoutValues(value) : value];
  });
  return Object.fromEntries(shown) as InspectRow;
}

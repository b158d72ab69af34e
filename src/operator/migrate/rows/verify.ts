import type { Session } from '../../../foundation/postgres/session.ts';
import type { EncryptedTarget } from './encrypted.ts';
import { contentQuery, hashHex } from './hash.ts';
import type { PlannedTable } from '../plan/model.ts';

/** What one table holds on either side. Equal rows and equal hash mean equal content, up to one chance in 2^64. */
export interface Comparison {
  readonly equal: boolean;
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly sourceHash: string;
  readonly targetHash: string;
}

/** Counts and hashes a table (or the part that `where` selects) on both sides at once. */
export async function compareTable(
  source: Session,
  target: Session,
  table: PlannedTable,
  where: string | null = null,
  encrypted?: EncryptedTarget,
): Promise<Comparison> {
  const queryOf = (side: 'source' | 'target'): string =>
    contentQuery(table.identity, table.columns, where, (column) => encrypted?.valueOf(table, column)?.[side]);
  const reading = async () => asReader(target, () => content(target, queryOf('target')));
  const [left, right] = await Promise.all([
    content(source, queryOf('source')),
    encrypted ? encrypted.withKeys(target, reading) : reading(),
  ]);
  return {
    equal: left.rows === right.rows && left.hash === right.hash,
    sourceRows: left.rows,
    targetRows: right.rows,
    sourceHash: left.hash,
    targetHash: right.hash,
  };
}

/**
 * The planner computes constant parts of index expressions, and they may be calls of the source's functions. So rows are
 * read as `postgres`, where that is a role that sees all and may do little, and not as our superuser.
 */
async function asReader<T>(target: Session, body: () => Promise<T>): Promise<T> {
  await target.rows(
    `select set_config('role', coalesce((select rolname from pg_roles where rolname = 'postgres' and not rolsuper
       and rolbypassrls and pg_has_role(oid, 'pg_read_all_data', 'usage')), 'none'), false)`,
  );
  try {
    return await body();
  } finally {
    await target.script('reset role').catch(() => undefined);
  }
}

async function content(session: Session, query: string): Promise<{ rows: number; hash: string }> {
  const [row] = await session.rows<{ rows: string; hash: string }>(query);
  if (!row) throw new Error('no content row');
  return { rows: Number(row.rows), hash: hashHex(row.hash) };
}

import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import type { Context } from './model.ts';

/**
 * Removes what encrypted columns held before from where Postgres keeps copies: dead rows and free space of the table,
 * the sample of its values in pg_statistic, and the write-ahead log on this disk. Not from archived log, backups,
 * replicas that lag, or blocks of the disk that files once had.
 *
 * @returns false when a replication slot keeps old log, which is then left
 */
export async function removeResidue(session: Session, ctx: Context): Promise<boolean> {
  const tables = await session.rows<{ schema: string; table: string }>(
    `select distinct schema_name as schema, table_name as table from vectabase.encrypted_columns where residue and state = 'encrypted'`,
  );
  if (tables.length === 0) return true;
  for (const { schema, table } of tables) {
    const name = ident(schema, table);
    ctx.observe({ event: 'encryption.residue.started', id: `${schema}.${table}` });
    await session.script(`vacuum (full, analyze) ${name}`);
    ctx.observe({ event: 'encryption.residue.finished', id: `${schema}.${table}` });
  }
  await session.script('vacuum full pg_catalog.pg_statistic');
  const clean = await removeOldLog(session);
  if (!clean) ctx.observe({ event: 'encryption.residue.noted', id: 'pg_wal', code: 'kept by a replication slot' });
  await session.rows(
    `update vectabase.encrypted_columns set residue = false where residue and state = 'encrypted' and $1`,
    [clean],
  );
  return clean;
}

/**
 * Postgres renames old segments for later use, with what they hold. For the time of this function it deletes them; those
 * that wait under a later name are overwritten, because switching to the next segment fills the current one with zeros.
 */
async function removeOldLog(session: Session): Promise<boolean> {
  const before = await currentSegment(session);
  await session.script('alter system set wal_recycle = off');
  try {
    await session.script('select pg_reload_conf()');
    await session.script('select pg_sleep(0.2)');
    const [ahead] = await session.rows<{ files: number }>(
      `select count(*)::int as files from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$' and name > $1`,
      [before],
    );
    for (let left = (ahead?.files ?? 0) + 1; left > 0; left--) {
      await session.rows(`select pg_logical_emit_message(false, 'vectabase', ''), pg_switch_wal()`);
    }
    await session.script('checkpoint');
    await session.script('checkpoint');
  } finally {
    await session.script('alter system reset wal_recycle');
    await session.script('select pg_reload_conf()');
  }
  const [old] = await session.rows<{ files: number }>(
    `select count(*)::int as files from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$' and name <= $1`,
    [before],
  );
  return (old?.files ?? 0) === 0;
}

async function currentSegment(session: Session): Promise<string> {
  const [row] = await session.rows<{ name: string }>('select pg_walfile_name(pg_current_wal_insert_lsn()) as name');
  return row?.name ?? '';
}

import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';

/**
 * Keeps a table's triggers silent for the length of `body`, inside the caller's transaction.
 *
 * `session_replication_role = replica` silences ordinary ones. Those that are ENABLE ALWAYS or ENABLE REPLICA fire all
 * the same: when a table is filled again after they were made, they are switched off by name and on again as they were.
 */
export async function withTriggersOff<T>(target: Session, table: string, body: () => Promise<T>): Promise<T> {
  const loud = await target.rows<{ name: string; mode: string }>(
    `select tgname as name, case tgenabled when 'A' then 'always' else 'replica' end as mode
     from pg_trigger where tgrelid = $1::regclass and not tgisinternal and tgenabled in ('A', 'R')`,
    [table],
  );
  for (const { name } of loud) await target.script(`alter table ${table} disable trigger ${ident(name)}`);
  const result = await body();
  for (const { name, mode } of loud) await target.script(`alter table ${table} enable ${mode} trigger ${ident(name)}`);
  return result;
}

import type { Session } from '../../../foundation/postgres/session.ts';

/**
 * Opens a table for rows as they are, for the length of `body`, inside the caller's transaction. At the first copy there
 * is nothing to open. When rows come again after the table was finished, what the owner put on it stands in the way:
 *
 * - `session_replication_role = replica` silences ordinary triggers, but not those that are ENABLE ALWAYS or REPLICA;
 * - a check that is NOT VALID was made after rows that break it;
 * - forced row security and withdrawn rights bind the owner, with whose rights rows are copied.
 */
export async function withTableOpen<T>(target: Session, table: string, body: () => Promise<T>): Promise<T> {
  const bars = await target.rows<{ open: string; close: string }>(
    `with t as (select c.*, format('%I.%I', n.nspname, c.relname) as name
                from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = $1::regclass)
     select format('alter table %s disable trigger %I', t.name, tgname) as open,
       format('alter table %s enable %s trigger %I', t.name, case tgenabled when 'A' then 'always' else 'replica' end, tgname) as close
     from t join pg_trigger g on g.tgrelid = t.oid where not tgisinternal and tgenabled in ('A', 'R')
     union all
     select format('alter table %s drop constraint %I', t.name, conname),
       format('alter table %s add constraint %I %s; comment on constraint %2$I on %1$s is %4$s', t.name, conname,
         pg_get_constraintdef(k.oid), coalesce(quote_literal(obj_description(k.oid, 'pg_constraint')), 'null'))
     from t join pg_constraint k on k.conrelid = t.oid where contype = 'c' and not convalidated and coninhcount = 0
     union all
     select format('alter table %s no force row level security', name), format('alter table %s force row level security', name)
     from t where relforcerowsecurity
     union all
     select format('grant insert on %s to %I', name, rolname), format('revoke insert on %s from %I', name, rolname)
     from t join pg_roles r on r.oid = relowner where not has_table_privilege(r.oid, t.oid, 'insert')`,
    [table],
  );
  for (const { open } of bars) await target.script(open);
  const result = await body();
  for (const { close } of bars) await target.script(close);
  return result;
}

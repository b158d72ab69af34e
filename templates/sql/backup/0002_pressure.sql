-- What waits in pg_wal for the archive, which only a superuser may look at.
create function vectabase.archive_backlog(
  out waiting integer, out archived_at timestamptz, out failed_at timestamptz
)
language sql
security definer
set search_path = pg_catalog
as $$
  select
    (select count(*)::integer from pg_ls_archive_statusdir() where name like '%.ready'),
    last_archived_time, last_failed_time
  from pg_stat_archiver;
$$;

-- Holds the writes of applications back while the disk is full, or lets them go again. Logins that are not superusers
-- get sessions that only read; those they have are ended, as a setting reaches new ones alone.
create function vectabase.hold_writes(hold boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog
as $$
declare
  login text;
  held boolean := exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
    where d.datname = current_database() and 'default_transaction_read_only=on' = any (s.setconfig));
begin
  if held = hold then
    return; -- nobody loses a session for nothing
  end if;
  for login in select rolname from pg_roles where rolcanlogin and not rolsuper and not rolreplication loop
    if hold then
      execute format('alter role %I in database %I set default_transaction_read_only = on', login, current_database());
    else
      execute format('alter role %I in database %I reset default_transaction_read_only', login, current_database());
    end if;
  end loop;
  perform pg_terminate_backend(pid) from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
    where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
      and not r.rolsuper and not r.rolreplication;
end
$$;

revoke all on function vectabase.archive_backlog, vectabase.hold_writes from public;
grant execute on function vectabase.archive_backlog, vectabase.hold_writes to authenticator;

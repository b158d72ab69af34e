-- PgBouncer looks passwords up with a role that can do nothing else: not even replace the function it asks.
alter schema pgbouncer owner to supabase_admin;
grant usage on schema pgbouncer to pgbouncer;

-- No superuser comes in through the pooler, and an expired password is none.
create or replace function pgbouncer.get_auth(p_usename text)
returns table (username text, password text)
language sql stable security definer set search_path = ''
as $$
  select rolname::text, case when rolvaliduntil < now() then null else rolpassword end
  from pg_catalog.pg_authid
  where rolname = p_usename and rolcanlogin and not rolsuper
$$;

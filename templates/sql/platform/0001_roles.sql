-- The roles that a hosted Supabase project has, so that its grants and policies restore as they are.
-- Roles belong to the whole server: each is made only where it is absent, and no password is set here.
-- A LOGIN role without a password cannot pass scram; the installer gives one to those that it uses.
-- Nothing but `postgres` may create roles: what the hosted service roles could do with CREATEROLE is not needed here.

-- Advisory locks are per database. This one is of the whole server, so databases set up at once take turns.
lock table pg_catalog.pg_authid in share row exclusive mode;

do $roles$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('supabase_admin',             'superuser createdb createrole replication bypassrls login'),
      ('postgres',                   'nosuperuser createdb createrole replication bypassrls login'),
      ('anon',                       'nologin inherit'),
      ('authenticated',              'nologin inherit'),
      ('service_role',               'nologin inherit bypassrls'),
      ('authenticator',              'login noinherit'),
      ('supabase_auth_admin',        'login noinherit'),
      ('supabase_storage_admin',     'login noinherit'),
      ('supabase_functions_admin',   'login noinherit'),
      ('supabase_realtime_admin',    'nologin noinherit'),
      ('supabase_replication_admin', 'login replication'),
      ('supabase_etl_admin',         'login replication'),
      ('supabase_read_only_user',    'login bypassrls'),
      ('dashboard_user',             'nologin createdb createrole replication'),
      ('pgbouncer',                  'login')
    ) as roles (name, options)
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
      execute format('create role %I %s', wanted.name, wanted.options);
    end if;
  end loop;
end
$roles$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to supabase_storage_admin;
grant pg_read_all_data to supabase_read_only_user;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

do $memberships$
begin
  -- Before 16, CREATEROLE alone lets `postgres` hand these roles on; since 16 it takes the admin option.
  if current_setting('server_version_num')::integer >= 160000 then
    grant anon, authenticated, service_role to postgres with admin option;
  else
    grant anon, authenticated, service_role to postgres;
  end if;
end
$memberships$;

-- The settings of anon and authenticated do not follow SET ROLE: the API reads them and applies them per request.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set search_path = "$user", public, extensions;
-- Hosted projects add `auth` here, and then views over public.users resolve to auth.users. Not copied.
alter role supabase_admin set search_path = "$user", public, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role supabase_storage_admin set search_path = storage;

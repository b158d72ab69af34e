-- Specimens: what other Supabase projects have and the marketplace lacks. A second schema of the owner's, app_private.

-- Extensions whose operator classes and functions live in `extensions`: statements that name them bare need that path.
create extension if not exists pg_trgm with schema extensions;
create extension if not exists btree_gist with schema extensions;
create extension if not exists unaccent with schema extensions;
create extension if not exists citext with schema extensions;
create extension if not exists hstore with schema extensions;

do $setting$
begin
  -- Made while `postgres` could still set a name that no extension has reserved.
  execute format('alter database %I set app.settings.mode = %L', current_database(), 'it''s "live"');
end
$setting$;

-- Roles of the owner's own: one to log in with a password and settings, one to group rights. They belong to the server.
set local role postgres;
do $roles$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'app_readers') then
    create role app_readers nologin;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'App Reporter') then
    create role "App Reporter" login password 'stand-in-only' connection limit 5 valid until '2031-01-01 00:00:00+00';
  end if;
  grant app_readers to "App Reporter";
  grant authenticated to "App Reporter" with admin option;
  alter role "App Reporter" set statement_timeout = '30s';
  alter role "App Reporter" set search_path = app_private, public;
  alter role app_readers set work_mem = '8MB';
  execute format('alter role "App Reporter" in database %I set timezone = %L', current_database(), 'Europe/London');
end
$roles$;

create schema app_private;
comment on schema app_private is 'What the API does not serve';
grant usage on schema app_private to app_readers, authenticated;
alter default privileges for role postgres in schema app_private grant select on tables to app_readers;
alter default privileges for role postgres in schema app_private revoke execute on functions from public;

-- What a hosted project has and the platform templates do not: limits and settings that a copy has to cope with.

do $settings$
begin
  -- The hosted default: a COPY that takes longer is cancelled unless its session says otherwise.
  execute format('alter database %I set statement_timeout = %L', current_database(), '2min');
  -- 0 cuts floats to 15 digits on their way out; a lossless copy has to set 3 (or 1) by itself.
  execute format('alter database %I set extra_float_digits = 0', current_database());
  if current_setting('server_version_num')::integer >= 150000 then
    -- supautils lets `postgres` set these; plain Postgres does it by a grant.
    grant set on parameter session_replication_role, log_min_duration_statement, auto_explain.log_min_duration to postgres;
  end if;
end
$settings$;

alter role supabase_admin set search_path = "$user", public, auth, extensions;
grant pg_create_subscription to postgres;

-- The lock-down of April 2025: `postgres` is no member of the service roles and creates nothing in their schemas.
revoke create on schema auth, storage, realtime from postgres;
revoke all on auth.schema_migrations, storage.migrations from postgres, anon, authenticated, service_role, dashboard_user;

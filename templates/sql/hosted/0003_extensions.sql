-- Extensions of a hosted project that no package of Debian holds: pg_cron, pg_net, supabase_vault, pg_graphql.
-- Tables and functions of the same names and shapes stand in for them, entered in pg_extension as their members, so
-- that whoever reads the catalogue meets extensions which the target cannot install. They store, and do nothing.

create schema cron;
create sequence cron.jobid_seq;
create sequence cron.runid_seq;
create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default 5432,
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job enable row level security;
alter table cron.job_run_details enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as $$
  insert into cron.job (jobname, schedule, command) values (job_name, schedule, command)
  on conflict (jobname, username) do update set schedule = excluded.schedule, command = excluded.command
  returning jobid
$$;
create function cron.unschedule(job_name text) returns boolean language sql as $$
  with gone as (delete from cron.job where jobname = job_name returning 1) select exists (select from gone)
$$;
grant usage on schema cron to postgres with grant option;
grant select on cron.job to postgres with grant option;
grant all on cron.job_run_details to postgres with grant option;

create schema net;
create table net.http_request_queue (
  id bigserial primary key,
  method text not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds integer not null
);
create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000
) returns bigint language sql security definer set search_path = net as $$
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values ('POST', url, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds) returning id
$$;
grant usage on schema net to postgres, anon, authenticated, service_role;

create schema vault;
create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
create unique index secrets_name_idx on vault.secrets (name) where name is not null;
-- The real one decrypts with a root key that never leaves the host; here the text is only encoded.
create view vault.decrypted_secrets as
  select id, name, description, secret, convert_from(decode(secret, 'base64'), 'UTF8') as decrypted_secret,
    key_id, nonce, created_at, updated_at
  from vault.secrets;
create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
) returns uuid language sql security definer set search_path = '' as $$
  insert into vault.secrets (secret, name, description)
  values (pg_catalog.encode(pg_catalog.convert_to(new_secret, 'UTF8'), 'base64'), new_name, new_description)
  returning id
$$;
grant usage on schema vault to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant execute on function vault.create_secret to postgres with grant option;

create schema graphql;
create sequence graphql.seq_schema_version;
create function graphql.resolve(query text, variables jsonb default '{}', "operationName" text default null, extensions jsonb default null)
returns jsonb language sql as $$ select '{"data": null}'::jsonb $$;
grant usage on schema graphql to postgres, anon, authenticated, service_role;

do $members$
declare
  stub record;
  member text;
begin
  for stub in
    select * from (values
      ('pg_cron', 'pg_catalog', '1.6.4', array['schema cron', 'sequence cron.jobid_seq', 'sequence cron.runid_seq',
        'table cron.job', 'table cron.job_run_details', 'function cron.schedule', 'function cron.unschedule']),
      ('pg_net', 'extensions', '0.19.5', array['schema net', 'table net.http_request_queue', 'table net._http_response',
        'function net.http_post']),
      ('supabase_vault', 'vault', '0.3.1', array['table vault.secrets', 'view vault.decrypted_secrets',
        'function vault.create_secret']),
      ('pg_graphql', 'graphql', '1.5.11', array['sequence graphql.seq_schema_version', 'function graphql.resolve'])
    ) as stubs (name, in_schema, version, members)
  loop
    insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    values (
      pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'), stub.name,
      (select oid from pg_catalog.pg_roles where rolname = current_user), stub.in_schema::regnamespace, false, stub.version
    );
    foreach member in array stub.members loop
      execute format('alter extension %I add %s', stub.name, member);
    end loop;
  end loop;
end
$members$;

-- Database webhooks. Not an extension: the platform installs it when the first webhook is made.
create schema supabase_functions;
create table supabase_functions.migrations (version text primary key, inserted_at timestamptz not null default now());
create table supabase_functions.hooks (
  id bigserial primary key,
  hook_table_id integer not null,
  hook_name text not null,
  created_at timestamptz not null default now(),
  request_id bigint
);
create function supabase_functions.http_request() returns trigger
language plpgsql security definer set search_path = supabase_functions as $$
declare
  request bigint;
begin
  request := net.http_post(
    url => tg_argv[0],
    headers => tg_argv[2]::jsonb,
    timeout_milliseconds => tg_argv[4]::integer,
    body => jsonb_build_object('type', tg_op, 'table', tg_table_name, 'schema', tg_table_schema,
      'record', case when tg_op = 'DELETE' then null else to_jsonb(new) end,
      'old_record', case when tg_op = 'INSERT' then null else to_jsonb(old) end)
  );
  insert into supabase_functions.hooks (hook_table_id, hook_name, request_id) values (tg_relid::integer, tg_name, request);
  return new;
end
$$;
insert into supabase_functions.migrations values
  ('initial', '2025-09-26 08:00:00+00'), ('20210809183423_update_grants', '2025-09-26 08:00:00+00');
grant usage on schema supabase_functions to postgres, anon, authenticated, service_role;
grant all on all tables in schema supabase_functions to postgres, anon, authenticated, service_role;
grant all on all sequences in schema supabase_functions to postgres, anon, authenticated, service_role;

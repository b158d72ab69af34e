-- Jobs of the daemons on this database: which ran, when, and how they ended. One daemon at a time runs a job: whoever
-- holds its advisory lock, which Postgres frees when that daemon's connection ends, however it ends.
create table vectabase.job_runs (
  id bigint generated always as identity primary key,
  job text not null,
  -- The instant of the schedule; a run that was missed has the latest one.
  planned_at timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  -- `skipped`: there was no history yet, and the job waits for its next time. `interrupted`: its daemon stopped
  -- or died, and it is taken up again.
  status text not null default 'running' check (status in ('running', 'ok', 'failed', 'interrupted', 'skipped')),
  -- Host and process.
  runner text not null,
  error_code text,
  error_message text,
  -- Counts and sizes; no values of anybody.
  report jsonb
);
create index job_runs_by_job on vectabase.job_runs (job, planned_at desc, id desc);

-- Takes the lock and notes the start; null when another daemon runs the job, or when there is nothing to do: it was done
-- for that instant, or failed three times, or failed a moment ago (ten minutes, then twenty).
-- What a clock that was ahead has planned for later than in an hour does not count, or nothing would run until then.
create function vectabase.begin_job(wanted text, planned timestamptz, runner text, at_first boolean)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog
as $$
declare
  lock_key bigint := hashtextextended('vectabase job ' || wanted, 0);
  failures integer;
  failed_at timestamptz;
  started bigint;
begin
  if not pg_try_advisory_lock(lock_key) then return null; end if;
  update vectabase.job_runs set status = 'interrupted', finished_at = clock_timestamp()
    where job = wanted and status = 'running';
  delete from vectabase.job_runs where job = wanted and planned_at < now() - interval '400 days';
  if not at_first and not exists (select from vectabase.job_runs where job = wanted) then
    insert into vectabase.job_runs (job, planned_at, finished_at, status, runner)
      values (wanted, planned, clock_timestamp(), 'skipped', runner);
  end if;
  select count(*), max(finished_at) into failures, failed_at from vectabase.job_runs
    where job = wanted and planned_at = planned and status = 'failed' and finished_at <= now() + interval '1 hour';
  if exists (
      select from vectabase.job_runs
      where job = wanted and planned_at between planned and now() + interval '1 hour' and status in ('ok', 'skipped')
    )
    or failures >= 3
    or failed_at > clock_timestamp() - failures * interval '10 minutes'
  then
    perform pg_advisory_unlock(lock_key);
    return null;
  end if;
  insert into vectabase.job_runs (job, planned_at, runner) values (wanted, planned, runner) returning id into started;
  return started;
end
$$;

-- Notes the end, and frees the lock where this connection holds it.
create function vectabase.end_job(run bigint, code text, message text, result jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog
as $$
declare
  ended text;
begin
  update vectabase.job_runs
    set status = case when code is null then 'ok' when code = 'INTERRUPTED' then 'interrupted' else 'failed' end, finished_at = clock_timestamp(),
      error_code = code, error_message = message, report = result
    where id = run and status = 'running'
    returning job into ended;
  if ended is not null and exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) then
    perform pg_advisory_unlock(hashtextextended('vectabase job ' || ended, 0));
  end if;
end
$$;

-- One row a job, in seconds since the epoch. The last success is the one that was noted last, and not the latest: a clock
-- that was ahead left times in the future, which the next success makes good.
create function vectabase.job_states()
returns table (
  job text, first_at double precision, succeeded_at double precision, started_at double precision,
  status text, error_code text, error_message text, seconds double precision
)
language sql
stable
security definer
set search_path = pg_catalog
as $$
  select distinct on (job) job,
    extract(epoch from min(started_at) over every)::double precision,
    extract(epoch from (
      select ok.finished_at from vectabase.job_runs ok where ok.job = runs.job and ok.status = 'ok' order by ok.id desc limit 1
    ))::double precision,
    extract(epoch from started_at)::double precision,
    status, error_code, error_message,
    extract(epoch from finished_at - started_at)::double precision
  from vectabase.job_runs runs
  window every as (partition by job)
  order by job, id desc;
$$;

-- Which alerts are raised: one document, so that several daemons on this database do not raise one twice.
create table vectabase.alerts (
  only_row boolean primary key default true check (only_row),
  state jsonb not null
);

-- Null while another daemon is at it. The lock is freed by `save_alerts`, or with the connection.
create function vectabase.load_alerts()
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog
as $$
begin
  if not pg_try_advisory_lock(hashtextextended('vectabase alerts', 0)) then return null; end if;
  return coalesce((select state from vectabase.alerts), '{}');
end
$$;

create function vectabase.save_alerts(fresh jsonb)
returns void
language sql
security definer
set search_path = pg_catalog
as $$
  insert into vectabase.alerts (state) values (fresh) on conflict (only_row) do update set state = excluded.state;
  select pg_advisory_unlock(hashtextextended('vectabase alerts', 0));
$$;

revoke all on function vectabase.begin_job, vectabase.end_job, vectabase.job_states, vectabase.load_alerts,
  vectabase.save_alerts from public;
grant execute on function vectabase.begin_job, vectabase.end_job, vectabase.job_states, vectabase.load_alerts,
  vectabase.save_alerts to authenticator;

-- Takes the lock and notes the start; null when another daemon runs the job, or when there is nothing to do: it was done
-- for that instant, or failed three times, or failed a moment ago (ten minutes, then twenty).
-- What a clock that was ahead has planned for later than in an hour does not count, or nothing would run until then.
create or replace function vectabase.begin_job(wanted text, planned timestamptz, runner text, at_first boolean)
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

-- One row a job, in seconds since the epoch. The last success is the one that was noted last, and not the latest: a clock
-- that was ahead left times in the future, which the next success makes good.
create or replace function vectabase.job_states()
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

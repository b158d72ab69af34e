-- Rate limits that all daemons on a database share. Safe to run again: a daemon on a database of its owner's runs it too.
create schema if not exists vectabase;

-- One row a bucket that is not full. Unlogged: nobody misses it after a crash, and it costs no WAL.
create unlogged table if not exists vectabase.rate_limits (
  id bytea primary key,
  full_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- A token bucket, kept as the instant at which it is full again. Takes up to `wanted` tokens; none when there is not
-- even one, and then tells after how many seconds there is.
create or replace function vectabase.take_tokens(
  bucket bytea, wanted integer, capacity double precision, per_second double precision,
  out granted integer, out wait_seconds double precision
)
language plpgsql
security definer
set search_path = pg_catalog
as $$
declare
  full_again timestamptz;
  instant timestamptz;
  available double precision;
begin
  insert into vectabase.rate_limits as known (id, full_at) values (bucket, '-infinity')
    on conflict (id) do update set full_at = known.full_at
    returning full_at into full_again;
  instant := clock_timestamp(); -- after the lock, or a waiter would count with a time that has passed
  available := capacity - case when full_again > instant
    then extract(epoch from full_again - instant) * per_second else 0 end;
  granted := greatest(0, least(wanted, floor(available + 1e-6)::integer));
  wait_seconds := case when granted > 0 then 0 else (1 - available) / per_second end;
  if granted > 0 then
    update vectabase.rate_limits
      set full_at = greatest(full_again, instant) + make_interval(secs => granted / per_second)
      where id = bucket;
  end if;
end
$$;

-- A full bucket is as good as none.
create or replace function vectabase.forget_full_buckets()
returns void
language sql
security definer
set search_path = pg_catalog
as $$
  delete from vectabase.rate_limits where full_at < now();
$$;

revoke all on function vectabase.take_tokens, vectabase.forget_full_buckets from public;
do $grants$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticator') then
    grant usage on schema vectabase to authenticator;
    grant execute on function vectabase.take_tokens, vectabase.forget_full_buckets to authenticator;
  end if;
end
$grants$;

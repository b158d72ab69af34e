select count(*) filter (where backend_type = 'client backend') as connections,
  coalesce(max(extract(epoch from clock_timestamp() - xact_start)) filter (where backend_type = 'client backend'), 0)
    as "oldestTransaction",
  coalesce(max(extract(epoch from clock_timestamp() - state_change)) filter (where state like 'idle in transaction%'), 0)
    as "longestIdle",
  count(*) filter (where cardinality(pg_catalog.pg_blocking_pids(pid)) > 0) as blocked,
  (select count(*) from pg_catalog.pg_prepared_xacts where prepared < now() - interval '1 hour') as "forgottenPrepared"
from pg_catalog.pg_stat_activity

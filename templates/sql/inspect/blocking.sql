select blocked.pid as blocked_pid, blocking.pid as blocking_pid, blocked.usename as blocked_role,
  extract(epoch from clock_timestamp() - blocked.query_start) * 1000 as blocked_for_ms,
  extract(epoch from clock_timestamp() - blocking.xact_start) * 1000 as blocking_for_ms,
  blocking.state as blocking_state, blocked.query as blocked_query, blocking.query as blocking_query
from pg_catalog.pg_stat_activity blocked
cross join lateral unnest(pg_catalog.pg_blocking_pids(blocked.pid)) as holder (pid)
join pg_catalog.pg_stat_activity blocking on blocking.pid = holder.pid
where blocked.datname = current_database()
order by blocked_for_ms desc

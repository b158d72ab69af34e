select pid, extract(epoch from clock_timestamp() - query_start) * 1000 as duration_ms, usename as role, state, query
from pg_catalog.pg_stat_activity
where datname = current_database() and pid <> pg_catalog.pg_backend_pid() and state <> 'idle'
  and backend_type = 'client backend' and clock_timestamp() - query_start > interval '5 minutes'
order by duration_ms desc

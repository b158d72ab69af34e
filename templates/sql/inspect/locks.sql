select a.pid, l.locktype as type, coalesce(n.nspname || '.' || c.relname, '') as relation, l.mode, l.granted,
  extract(epoch from clock_timestamp() - a.xact_start) * 1000 as age_ms, a.usename as role, a.query
from pg_catalog.pg_locks l
join pg_catalog.pg_stat_activity a using (pid)
left join pg_catalog.pg_class c on c.oid = l.relation and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where a.datname = current_database() and a.pid <> pg_catalog.pg_backend_pid()
  and (l.mode = 'ExclusiveLock' or l.mode = 'AccessExclusiveLock' or not l.granted) and l.locktype <> 'virtualxid'
order by age_ms desc nulls last, a.pid

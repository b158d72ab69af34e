-- Small tables have nothing to lose.
select schemaname || '.' || relname as name, n_live_tup as live, n_dead_tup as dead, n_mod_since_analyze as modified,
  last_analyze is null and last_autoanalyze is null as "neverAnalysed"
from pg_catalog.pg_stat_user_tables
where n_live_tup + n_dead_tup + n_mod_since_analyze > 10000
order by n_dead_tup desc

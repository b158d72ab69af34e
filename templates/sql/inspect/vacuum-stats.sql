-- The threshold of autovacuum, with what the table itself says before what the server says.
with thresholds as (
  select c.oid,
    coalesce((select option_value::float8 from pg_catalog.pg_options_to_table(c.reloptions) where option_name = 'autovacuum_vacuum_threshold'),
      current_setting('autovacuum_vacuum_threshold')::float8)
    + coalesce((select option_value::float8 from pg_catalog.pg_options_to_table(c.reloptions) where option_name = 'autovacuum_vacuum_scale_factor'),
      current_setting('autovacuum_vacuum_scale_factor')::float8) * greatest(c.reltuples, 0) as threshold
  from pg_catalog.pg_class c
  where c.relkind in ('r', 'm')
)
select s.schemaname || '.' || s.relname as name, s.last_vacuum, s.last_autovacuum, s.n_live_tup as estimated_rows,
  s.n_dead_tup as dead_rows, round(limited.threshold) as threshold, s.n_dead_tup > limited.threshold as expects_autovacuum
from pg_catalog.pg_stat_user_tables s
join thresholds t on t.oid = s.relid
-- Postgres 18 has a ceiling for large tables; -1 is none.
cross join lateral (
  select least(t.threshold, nullif(current_setting('autovacuum_vacuum_max_threshold', true)::float8, -1)) as threshold
) limited
order by dead_rows desc, name

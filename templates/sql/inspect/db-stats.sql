select current_database() as name, pg_catalog.pg_database_size(current_database()) as database_bytes,
  (select coalesce(sum(pg_catalog.pg_relation_size(oid)), 0) from pg_catalog.pg_class where relkind in ('r', 'm')) as tables_bytes,
  (select coalesce(sum(pg_catalog.pg_relation_size(oid)), 0) from pg_catalog.pg_class where relkind = 'i') as indexes_bytes,
  (select coalesce(sum(pg_catalog.pg_relation_size(oid)), 0) from pg_catalog.pg_class where relkind = 't') as toast_bytes,
  (select round(100.0 * sum(heap_blks_hit) / nullif(sum(heap_blks_hit + heap_blks_read), 0), 2)
     from pg_catalog.pg_statio_user_tables) as table_hit_percent,
  (select round(100.0 * sum(idx_blks_hit) / nullif(sum(idx_blks_hit + idx_blks_read), 0), 2)
     from pg_catalog.pg_statio_user_indexes) as index_hit_percent,
  d.numbackends as connections, d.xact_commit as commits, d.xact_rollback as rollbacks, d.deadlocks,
  d.temp_bytes as temporary_bytes, d.stats_reset as counted_since
from pg_catalog.pg_stat_database d
where d.datname = current_database()

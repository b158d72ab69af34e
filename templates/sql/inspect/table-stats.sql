select schemaname || '.' || relname as name, pg_catalog.pg_table_size(relid) as table_bytes,
  pg_catalog.pg_indexes_size(relid) as index_bytes, pg_catalog.pg_total_relation_size(relid) as total_bytes,
  n_live_tup as estimated_rows, seq_scan as seq_scans, idx_scan as index_scans
from pg_catalog.pg_stat_user_tables
order by total_bytes desc, name

select s.schemaname || '.' || s.indexrelname as name, s.schemaname || '.' || s.relname as table_name,
  pg_catalog.pg_relation_size(s.indexrelid) as size_bytes, s.idx_scan as index_scans, t.seq_scan as seq_scans,
  round(100.0 * s.idx_scan / nullif(t.seq_scan + t.idx_scan, 0), 1) as used_percent,
  s.idx_scan = 0 and not i.indisunique as unused
from pg_catalog.pg_stat_user_indexes s
join pg_catalog.pg_stat_user_tables t using (relid)
join pg_catalog.pg_index i using (indexrelid)
order by size_bytes desc, name

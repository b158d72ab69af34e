select schemaname || '.' || relname as name, round(100.0 * idx_scan / nullif(seq_scan + idx_scan, 0), 1) as index_used_percent,
  n_live_tup as estimated_rows
from pg_catalog.pg_stat_user_tables
where seq_scan + idx_scan > 0
order by estimated_rows desc, name

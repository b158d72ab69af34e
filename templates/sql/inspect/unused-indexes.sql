-- Unique indexes guard their rule whether or not a query reads them. Five pages are too small to matter.
select s.schemaname || '.' || s.indexrelname as name, s.schemaname || '.' || s.relname as table_name,
  pg_catalog.pg_relation_size(s.indexrelid) as size_bytes, s.idx_scan as scans
from pg_catalog.pg_stat_user_indexes s
join pg_catalog.pg_index i using (indexrelid)
where not i.indisunique and s.idx_scan < 50
  and pg_catalog.pg_relation_size(s.indexrelid) > 5 * current_setting('block_size')::int
order by size_bytes desc, name

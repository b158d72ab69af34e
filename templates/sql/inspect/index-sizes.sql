select schemaname || '.' || indexrelname as name, schemaname || '.' || relname as table_name,
  pg_catalog.pg_relation_size(indexrelid) as size_bytes
from pg_catalog.pg_stat_user_indexes
order by size_bytes desc, name

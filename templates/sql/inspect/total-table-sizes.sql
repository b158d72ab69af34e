select schemaname || '.' || relname as name, pg_catalog.pg_total_relation_size(relid) as size_bytes
from pg_catalog.pg_stat_user_tables
order by size_bytes desc, name

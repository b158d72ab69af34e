select schemaname || '.' || relname as name, pg_catalog.pg_table_size(relid) as size_bytes
from pg_catalog.pg_stat_user_tables
order by size_bytes desc, name

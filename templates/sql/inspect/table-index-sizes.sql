select schemaname || '.' || relname as name, pg_catalog.pg_indexes_size(relid) as index_bytes
from pg_catalog.pg_stat_user_tables
order by index_bytes desc, name

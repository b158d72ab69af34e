select coalesce(sum(pg_catalog.pg_relation_size(indexrelid)), 0) as size_bytes
from pg_catalog.pg_stat_user_indexes

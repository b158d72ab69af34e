select schemaname || '.' || relname as name, n_live_tup as estimated_rows
from pg_catalog.pg_stat_user_tables
order by estimated_rows desc, name

select schemaname || '.' || relname as name, seq_scan as scans, seq_tup_read as rows_read
from pg_catalog.pg_stat_user_tables
order by scans desc, name

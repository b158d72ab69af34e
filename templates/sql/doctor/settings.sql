select name, setting, unit, pending_restart as "pendingRestart", coalesce(sourcefile, '') as file
from pg_catalog.pg_settings
where pending_restart or name in ('fsync', 'full_page_writes', 'data_checksums', 'ssl', 'ssl_min_protocol_version',
  'password_encryption', 'listen_addresses', 'port', 'max_connections', 'superuser_reserved_connections', 'wal_level',
  'archive_mode', 'archive_command', 'max_slot_wal_keep_size', 'log_min_duration_statement', 'log_parameter_max_length',
  'shared_buffers', 'server_version', 'server_version_num', 'autovacuum', 'track_counts', 'data_directory',
  'autovacuum_freeze_max_age', 'shared_preload_libraries', 'zero_damaged_pages', 'ignore_checksum_failure')

select slot_name as name, active, wal_status as "walStatus",
  pg_catalog.pg_wal_lsn_diff(case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
    else pg_catalog.pg_current_wal_lsn() end, restart_lsn) as "heldBytes"
from pg_catalog.pg_replication_slots
order by slot_name

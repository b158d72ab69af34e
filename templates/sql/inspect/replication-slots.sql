select s.slot_name as name, s.slot_type as type, coalesce(s.plugin::text, '') as plugin, s.active, coalesce(r.state, '') as state,
  coalesce(r.client_addr::text, '') as client,
  pg_catalog.pg_wal_lsn_diff(case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
    else pg_catalog.pg_current_wal_lsn() end, s.restart_lsn) as held_bytes, s.wal_status
from pg_catalog.pg_replication_slots s
left join pg_catalog.pg_stat_replication r on r.pid = s.active_pid
order by held_bytes desc nulls last, name

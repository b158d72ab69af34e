-- Who the daemon is when it copies the cluster by itself: it reads all and changes nothing. No password: it comes in
-- where the kernel tells who connects.
do $role$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'vectabase_backup') then
    create role vectabase_backup login replication bypassrls;
  end if;
end
$role$;
grant pg_read_all_data, pg_read_all_settings to vectabase_backup;
-- Roles are dumped with their verifiers, or nobody could log in after a restore.
grant select on pg_catalog.pg_authid to vectabase_backup;

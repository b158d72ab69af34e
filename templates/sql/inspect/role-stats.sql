select r.rolname as role, r.rolcanlogin as login, r.rolsuper as superuser, r.rolbypassrls as bypasses_rls,
  (select count(*) from pg_catalog.pg_stat_activity a where a.usesysid = r.oid) as connections,
  case r.rolconnlimit when -1 then current_setting('max_connections')::int else r.rolconnlimit end as connection_limit,
  coalesce((select string_agg(regexp_replace(entry, '^([^=]*(secret|key|token|password)[^=]*)=.*', '\1=…', 'i'), ', ' order by entry)
    from unnest(r.rolconfig) as entry), '') as settings
from pg_catalog.pg_roles r
where r.rolname not like 'pg\_%'
order by connections desc, role

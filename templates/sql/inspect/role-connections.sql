select r.rolname as role, count(a.pid) as connections,
  case r.rolconnlimit when -1 then current_setting('max_connections')::int else r.rolconnlimit end as connection_limit
from pg_catalog.pg_roles r
left join pg_catalog.pg_stat_activity a on a.usesysid = r.oid
where r.rolname not like 'pg\_%'
group by r.rolname, r.rolconnlimit
order by connections desc, role

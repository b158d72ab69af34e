-- Settings of applications are a place where people keep keys: those are named and not shown.
select r.rolname as role, coalesce(d.datname, '') as database,
  regexp_replace(entry, '^([^=]*(secret|key|token|password)[^=]*)=.*', '\1=…', 'i') as setting
from pg_catalog.pg_db_role_setting s
cross join lateral unnest(s.setconfig) as entry
join pg_catalog.pg_roles r on r.oid = s.setrole
left join pg_catalog.pg_database d on d.oid = s.setdatabase
order by 1, 2, 3

select rolname as name, rolsuper as superuser, rolbypassrls as "bypassesRls", rolcanlogin as login,
  rolcreaterole as "createsRoles", rolreplication as replication,
  case when rolpassword is null then 'none' when rolpassword like 'SCRAM-SHA-256$%' then 'scram' else 'md5' end as password,
  rolvaliduntil < now() as expired
from pg_catalog.pg_authid
where rolname not like 'pg\_%'
order by rolname

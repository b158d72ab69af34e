select d.datname as name, age(d.datfrozenxid) as age, mxid_age(d.datminmxid) as "multixactAge",
  coalesce(s.checksum_failures, 0) as "checksumFailures", s.deadlocks, pg_catalog.pg_database_size(d.oid) as bytes
from pg_catalog.pg_database d
join pg_catalog.pg_stat_database s on s.datid = d.oid
where d.datallowconn
order by age(d.datfrozenxid) desc

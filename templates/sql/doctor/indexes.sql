-- What a CREATE INDEX CONCURRENTLY left that failed: writes keep it up, no query uses it. One that is being built now
-- looks the same and has a backend at work.
select n.nspname || '.' || c.relname as name
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not i.indisvalid and c.relkind = 'i'
  and not exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
order by 1

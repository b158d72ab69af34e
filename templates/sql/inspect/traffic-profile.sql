-- Written blocks are an estimate: rows written by the rows that a page of this table holds. Five times as many reads as
-- writes is still called balanced.
with traffic as (
  select t.schemaname || '.' || t.relname as name, s.heap_blks_read + coalesce(s.idx_blks_read, 0) as blocks_read,
    t.n_tup_ins + t.n_tup_upd + t.n_tup_del as rows_written,
    round((t.n_tup_ins + t.n_tup_upd + t.n_tup_del) * greatest(c.relpages, 1) / greatest(c.reltuples, 1)) as blocks_written
  from pg_catalog.pg_stat_user_tables t
  join pg_catalog.pg_statio_user_tables s using (relid)
  join pg_catalog.pg_class c on c.oid = t.relid
)
select name, blocks_read, rows_written, blocks_written,
  case
    when blocks_written * 5 > blocks_read and blocks_read = 0 then 'write-only'
    when blocks_written * 5 > blocks_read and blocks_written > blocks_read
      then round((blocks_written / blocks_read)::numeric, 1) || ':1 (write-heavy)'
    when blocks_written = 0 then 'read-only'
    when blocks_read > blocks_written * 5 then '1:' || round((blocks_read / blocks_written)::numeric, 1) || ' (read-heavy)'
    else 'balanced'
  end as profile
from traffic
where blocks_read + blocks_written > 0
order by blocks_read + blocks_written desc, name

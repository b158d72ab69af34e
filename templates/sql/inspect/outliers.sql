-- The columns of block times were renamed in Postgres 17: read by name from the row.
select s.total_exec_time as total_ms, round(100 * s.total_exec_time::numeric / nullif(sum(s.total_exec_time) over (), 0)::numeric, 1) as time_percent,
  s.calls, s.mean_exec_time as mean_ms,
  coalesce((to_jsonb(s) ->> 'shared_blk_read_time')::float8, (to_jsonb(s) ->> 'blk_read_time')::float8, 0)
    + coalesce((to_jsonb(s) ->> 'shared_blk_write_time')::float8, (to_jsonb(s) ->> 'blk_write_time')::float8, 0) as io_ms,
  pg_catalog.pg_get_userbyid(s.userid) as role, s.query
from {{statements}} s
where s.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
order by s.total_exec_time desc
limit 10

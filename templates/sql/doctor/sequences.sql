-- A sequence ends where its column's type ends, whatever its own maximum says.
select s.schemaname || '.' || s.sequencename as name,
  round(100.0 * s.last_value / least(s.max_value, case t.typname when 'int2' then 32767 when 'int4' then 2147483647
    else s.max_value end), 1) as "usedPercent"
from pg_catalog.pg_sequences s
join pg_catalog.pg_namespace n on n.nspname = s.schemaname
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = s.sequencename
left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
left join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
left join pg_catalog.pg_type t on t.oid = a.atttypid
where s.last_value is not null and not s.cycle and s.increment_by > 0
order by 2 desc
limit 20

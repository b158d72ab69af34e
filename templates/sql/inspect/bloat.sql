-- An estimate from the planner's statistics, good to some 10 %: what rows and index entries need against what the files
-- hold. 24 + 4 bytes head and line pointer of a row; 8 + 4 of an index entry; 8168 usable bytes of a page.
with columns as (
  select s.schemaname, s.tablename, sum((1 - s.null_frac) * s.avg_width) as width
  from pg_catalog.pg_stats s
  where not s.inherited
  group by 1, 2
), tables as (
  select 'table' as type, n.nspname || '.' || c.relname as name, c.relpages,
    ceil(c.reltuples * (28 + ceil(s.width / 8.0) * 8) / (8168 * coalesce(
      (select option_value::numeric from pg_catalog.pg_options_to_table(c.reloptions) where option_name = 'fillfactor'),
      100) / 100)) as needed
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join columns s on s.schemaname = n.nspname and s.tablename = c.relname
  where c.relkind in ('r', 'm') and c.reltuples > 0
), keys as (
  select i.indexrelid, i.indrelid, sum(coalesce(own.avg_width, expression.avg_width, 8)) as width
  from pg_catalog.pg_index i
  join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid
  join pg_catalog.pg_class index_class on index_class.oid = i.indexrelid
  join pg_catalog.pg_class c on c.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_attribute column_of on column_of.attrelid = i.indrelid and column_of.attnum = i.indkey[a.attnum - 1]
  left join pg_catalog.pg_stats own
    on own.schemaname = n.nspname and own.tablename = c.relname and own.attname = column_of.attname and not own.inherited
  left join pg_catalog.pg_stats expression
    on expression.schemaname = n.nspname and expression.tablename = index_class.relname and expression.attname = a.attname
  where index_class.relkind = 'i'
  group by 1, 2
), indexes as (
  select 'index' as type, n.nspname || '.' || t.relname || '::' || c.relname as name, c.relpages,
    1 + ceil(c.reltuples * (12 + ceil(k.width / 8.0) * 8) / (8168 * 0.9)) as needed
  from keys k
  join pg_catalog.pg_class c on c.oid = k.indexrelid
  join pg_catalog.pg_class t on t.oid = k.indrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_am am on am.oid = c.relam
  where am.amname = 'btree' and c.reltuples > 0
), relations as (
  select * from tables union all select * from indexes
)
select type, name, round((relpages / greatest(needed, 1))::numeric, 1) as bloat,
  greatest(relpages - needed, 0)::bigint * current_setting('block_size')::bigint as waste_bytes
from relations
where name not like 'pg\_%' and name not like 'information\_schema.%' and relpages > 0
order by waste_bytes desc, name

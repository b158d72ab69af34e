select 'index hit rate' as name,
  round(100.0 * sum(idx_blks_hit) / nullif(sum(idx_blks_hit + idx_blks_read), 0), 2) as hit_percent
from pg_catalog.pg_statio_user_indexes
union all
select 'table hit rate', round(100.0 * sum(heap_blks_hit) / nullif(sum(heap_blks_hit + heap_blks_read), 0), 2)
from pg_catalog.pg_statio_user_tables

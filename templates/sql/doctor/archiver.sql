select a.archived_count as archived, a.failed_count as failed, coalesce(a.last_failed_wal, '') as "lastFailed",
  coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false) as failing,
  extract(epoch from clock_timestamp() - a.last_archived_time) as "secondsSinceArchived",
  (select count(*) from pg_catalog.pg_ls_archive_statusdir() f where f.name like '%.ready') as ready
from pg_catalog.pg_stat_archiver a

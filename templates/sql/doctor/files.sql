-- Lines of the configuration that are wrong, and lines of ALTER SYSTEM, which win over every file.
select name, sourcefile as file, sourceline as line, error, applied,
  sourcefile like '%/postgresql.auto.conf' as automatic
from pg_catalog.pg_file_settings
where error is not null or sourcefile like '%/postgresql.auto.conf'
order by seqno

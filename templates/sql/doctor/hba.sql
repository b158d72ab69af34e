select line_number as line, file_name as file, type, coalesce(database::text, '') as databases, coalesce(user_name::text, '') as users,
  coalesce(address, '') as address, coalesce(auth_method, '') as method, coalesce(options::text, '') as options, error
from pg_catalog.pg_hba_file_rules
order by line_number

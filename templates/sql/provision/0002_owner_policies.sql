-- What an own installation allows beyond the platform: `postgres` writes policies on storage and realtime tables.
-- A hosted project allows that by an extension (supautils); in plain Postgres it takes the owner's rights.
-- Without SET, where the server knows that option: postgres may not become these roles, only act on their tables.
do $rights$
begin
  if current_setting('server_version_num')::integer >= 160000 then
    -- as text, because 15 reads the whole block before it runs a line of it
    execute 'grant supabase_storage_admin, supabase_realtime_admin to postgres with inherit true, set false';
  else
    grant supabase_storage_admin, supabase_realtime_admin to postgres;
  end if;
end
$rights$;

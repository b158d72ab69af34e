-- A commit a minute, whatever else happens: a return to a moment needs a commit behind it, and an idle database has none.
create table vectabase.heartbeat (
  only_row boolean primary key default true check (only_row),
  at timestamptz not null
);

-- The time it answers is that of the commit or before it.
create function vectabase.beat()
returns timestamptz
language sql
security definer
set search_path = pg_catalog
as $$
  insert into vectabase.heartbeat as known (at) values (clock_timestamp())
    on conflict (only_row) do update set at = excluded.at
    returning at;
$$;

revoke all on function vectabase.beat from public;
grant execute on function vectabase.beat to authenticator;

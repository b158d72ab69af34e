-- What `vectabase db advise --apply` did to the owner's indexes, so that `--undo` can take it back, also after a kill.
create table vectabase.advised_indexes (
  id bigint generated always as identity primary key,
  action text not null check (action in ('create', 'drop')),
  schema_name text not null,
  table_name text not null,
  index_name text not null,
  -- As pg_get_indexdef prints it; of one that is being made, as it was asked for.
  definition text not null,
  began_at timestamptz not null default clock_timestamp(),
  done_at timestamptz,
  unique (action, schema_name, index_name)
);
revoke all on vectabase.advised_indexes from public;

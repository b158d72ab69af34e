-- What `vectabase audit policies --apply` changed, with the way back.
create table vectabase.audit_migrations (
  id bigint generated always as identity primary key,
  -- Of its pair of files: 20261101T100000Z.
  name text not null unique,
  findings text[] not null,
  up text not null,
  down text not null,
  applied_at timestamptz not null default now(),
  undone_at timestamptz
);
revoke all on vectabase.audit_migrations from public;

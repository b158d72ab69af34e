-- Which steps of which area this database has. Made under the installer's lock, before the first step.
create schema if not exists vectabase;
create table if not exists vectabase.schema_migrations (
  area text not null,
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  primary key (area, version)
);

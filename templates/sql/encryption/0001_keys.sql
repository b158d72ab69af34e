-- Keys and policy of encrypted columns. Every key stands here wrapped: without the master key, which never does, these
-- tables open nothing.

do $role$
begin
  -- Owns what follows. Not a superuser: its functions see their own tables and nothing else.
  if not exists (select from pg_catalog.pg_roles where rolname = 'vectabase_keeper') then
    create role vectabase_keeper nologin noinherit;
  end if;
end
$role$;

-- One row a master key: two while one takes over from another.
create table vectabase.master_keys (
  id text primary key,
  kdf text not null default 'pbkdf2-hmac-sha256',
  iterations integer not null check (iterations >= 100000),
  salt bytea not null check (octet_length(salt) >= 16),
  -- a known text sealed with the derived key: tells a wrong master key from damage
  check_value bytea not null,
  made_at timestamptz not null default now()
);

create table vectabase.data_keys (
  id text primary key check (id ~ '^[a-z2-7]{8}$'),
  purpose text not null check (purpose in ('data', 'index')),
  active boolean not null,
  made_at timestamptz not null default now()
);
create unique index one_active_key on vectabase.data_keys (purpose) where active;

create table vectabase.wrapped_keys (
  master_id text not null references vectabase.master_keys on delete cascade,
  key_id text not null references vectabase.data_keys on delete cascade,
  wrapped bytea not null,
  primary key (master_id, key_id)
);

-- One row an encrypted column. State and cursor change in the transaction that changes the rows they tell of.
create table vectabase.encrypted_columns (
  id integer generated always as identity unique,
  schema_name text not null,
  table_name text not null,
  column_name text not null,
  form text not null check (form in ('text', 'bytea')),
  blind_index boolean not null,
  readers text[] not null check (not readers && array['anon', 'authenticated', 'public']),
  -- columns of the primary key, in its order: what a value is bound to
  row_key text[] not null,
  -- applying: plaintext may still stand there. encrypted: only envelopes may. undoing: envelopes may still stand there.
  state text not null check (state in ('applying', 'encrypted', 'undoing')),
  -- last row that applying, undoing or a rotation has passed; null before the first and after the last
  cursor text[],
  -- data key that a rotation brings the values to
  rotating_to text references vectabase.data_keys,
  -- indexes and constraints as they were, for undo
  before jsonb not null default '[]',
  -- old pages and log may still hold plaintext
  residue boolean not null default true,
  since timestamptz not null default now(),
  primary key (schema_name, table_name, column_name)
);

-- Half of what session keys are sealed with; the other half is in the memory of the session alone.
create table vectabase.session_pad (pad bytea not null);
insert into vectabase.session_pad values (extensions.gen_random_bytes(32));

alter table vectabase.session_pad owner to vectabase_keeper;
grant usage on schema vectabase to vectabase_keeper, authenticator, service_role, postgres;
grant usage on schema extensions to vectabase_keeper;
grant select on vectabase.encrypted_columns to vectabase_keeper;
-- what the API daemon reads at its start; it holds the master key
grant select on vectabase.master_keys, vectabase.data_keys, vectabase.wrapped_keys, vectabase.encrypted_columns
  to authenticator;

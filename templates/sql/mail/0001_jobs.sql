-- Letters that are to be written. A job names what happened and never a code or a link: those are made when the letter
-- is, so that nothing that opens an account lies in a table, and a second attempt voids what the first one sent.
-- Not in the schema auth, whose tables are those of a hosted project and nothing else.
create table vectabase.mail_jobs (
  id bigint generated always as identity primary key,
  kind text not null,
  -- Lower case. The account is looked up when the letter is written: asking for it takes as long for one that is not there.
  email text not null,
  user_id uuid,
  details jsonb not null default '{}',
  attempts integer not null default 0,
  run_at timestamptz not null,
  created_at timestamptz not null
);
create index mail_jobs_run_at_idx on vectabase.mail_jobs (run_at);

grant usage on schema vectabase to supabase_auth_admin;
grant select, insert, update, delete on vectabase.mail_jobs to supabase_auth_admin;

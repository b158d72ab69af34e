-- A hosted project runs the releases it runs: GoTrue 2.180 and Storage 1.27.6 here. A target that knows newer ones has
-- columns and tables which this source lacks, and the other way round.

-- Not there yet.
alter table auth.sessions
  drop column scopes, drop column refresh_token_hmac_key, drop column refresh_token_counter, drop column oauth_client_id;
alter table auth.mfa_factors drop column last_webauthn_challenge_data;
drop table if exists auth.custom_oauth_providers, auth.webauthn_challenges, auth.webauthn_credentials;
drop table if exists storage.vector_indexes, storage.buckets_vectors;
alter table storage.s3_multipart_uploads drop column metadata;
-- From before that column's time: nullable, so a copy fills it with null.
alter table auth.users drop column reauthentication_sent_at;

-- Gone since: Storage kept folders as rows until 2026.
alter table storage.objects add column level integer;
create table storage.prefixes (
  bucket_id text not null constraint "prefixes_bucketId_fkey" references storage.buckets (id),
  name text collate "C" not null,
  level integer generated always as (array_length(string_to_array(name, '/'), 1)) stored,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  primary key (bucket_id, level, name)
);
alter table storage.prefixes owner to supabase_storage_admin;
alter table storage.prefixes enable row level security;
grant all on storage.prefixes to service_role;
grant select, insert, update, delete on storage.prefixes to anon, authenticated;
grant all on storage.prefixes to postgres with grant option;
-- Made up: stands for the next column that the service adds before this release knows of it.
alter table auth.users add column signup_context jsonb;

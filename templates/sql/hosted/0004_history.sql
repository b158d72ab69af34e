-- What the platform's services and the Supabase CLI remember of their own migrations.

insert into auth.schema_migrations (version)
select unnest(string_to_array(
  '00 20171026211738 20171026211808 20171026211834 20180103212743 20180108183307 20180119214651 20180125194653 ' ||
  '20210710035447 20210722035447 20210730183235 20210909172000 20210927181326 20211122151130 20211124214934 ' ||
  '20211202183645 20220114185221 20220114185340 20220224000811 20220323170000 20220429102000 20220531120530 ' ||
  '20220614074223 20220811173540 20221003041349 20221003041400 20221011041400 20221020193600 20221021073300 ' ||
  '20221021082433 20221027105023 20221114143122 20221114143410 20221125140132 20221208132122 20221215195500 ' ||
  '20221215195800 20221215195900 20230116124310 20230116124412 20230131181311 20230322519590 20230402418590 ' ||
  '20230411005111 20230508135423 20230523124323 20230818113222 20230914180801 20231027141322 20231114161723 ' ||
  '20231117164230 20240115144230 20240214120130 20240306115329 20240314092811 20240427152123 20240612123726 ' ||
  '20240729123726 20240802193726 20240806073726 20241009103726 20250717082212 20250731150234 20250804100000 ' ||
  '20250901200500 20250903112500 20250904133000', ' '));

insert into storage.migrations (id, name, hash, executed_at)
select number - 1, name, md5(name), timestamp '2025-09-26 08:00:00' + number * interval '1 second'
from unnest(string_to_array(
  'create-migrations-table initialmigration storage-schema pathtoken-column add-migrations-rls add-size-functions ' ||
  'change-column-name-in-get-size add-rls-to-buckets add-public-to-buckets fix-search-function search-files-search-function ' ||
  'add-trigger-to-auto-update-updated_at-column add-automatic-avif-detection-flag add-bucket-custom-limits ' ||
  'use-bytes-for-max-size add-can-insert-object-function add-version drop-owner-foreign-key ' ||
  'add_owner_id_column_deprecate_owner alter-default-value-objects-id list-objects-with-delimiter s3-multipart-uploads ' ||
  's3-multipart-uploads-big-ints optimize-search-function operation-function custom-metadata objects-prefixes search-v2 ' ||
  'object-bucket-name-sorting create-prefixes update-object-levels objects-level-index ' ||
  'backward-compatible-index-on-objects backward-compatible-index-on-prefixes optimize-search-function-v1 ' ||
  'add-insert-trigger-prefixes optimise-existing-functions add-bucket-name-length-trigger ' ||
  'iceberg-catalog-flag-on-buckets add-search-v2-sort-support fix-prefix-race-conditions-optimized ' ||
  'add-object-level-update-trigger rollback-prefix-triggers fix-object-level', ' ')) with ordinality as steps (name, number);

create table realtime.schema_migrations (version bigint primary key, inserted_at timestamp);
insert into realtime.schema_migrations values
  (20211116024918, '2025-09-26 08:00:00'), (20240401105812, '2025-09-26 08:00:00'), (20250905041441, '2025-09-26 08:00:00');
revoke all on realtime.schema_migrations from postgres, anon, authenticated, service_role, dashboard_user;

-- The owner's: what `supabase db push` has applied. Comes along like any other schema.
set local role postgres;
create schema supabase_migrations;
create table supabase_migrations.schema_migrations (
  version text primary key,
  statements text[],
  name text,
  created_by text,
  idempotency_key text unique
);
insert into supabase_migrations.schema_migrations (version, name, statements) values
  ('20250926084532', 'first', array['create table public.profiles ()', E'comment on table public.profiles is ''it''''s "first"''']),
  ('20260115223000', 'stop_recursion', array[E'create function public.is_admin() returns boolean as $$\n  select true\n$$ language sql']),
  ('20260301120000', 'empty', null);

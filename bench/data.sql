-- The measured database at :scale = 1: 2 M + 1 M rows and 32 MB of large values; 88 indexes, 45 primary keys.
-- Every value comes from the row's number, so that each build is the same. pgbench's own tables are made by pgbench.
create table events (
  id bigint primary key,
  user_id uuid not null,
  kind text not null,
  payload jsonb not null,
  tags text[],
  amount numeric(14, 4),
  created_at timestamptz not null
);
insert into events
select
  n,
  md5((n % 50000)::text)::uuid,
  (array['message', 'reaction', 'join', 'leave', 'purchase', 'warning'])[1 + n % 6],
  jsonb_build_object('seq', n, 'guild', md5((n % 100)::text), 'note', 'event number ' || n, 'flag', n % 2 = 0, 'depth', jsonb_build_array(n % 7, n % 11)),
  case when n % 10 = 0 then null else array['t' || n % 13, 'tag with space ' || n % 17] end,
  case when n % 5 = 0 then null else (n * 7919 % 100000000)::numeric / 10000 end,
  timestamptz '2024-01-01 00:00:00+00' + n * interval '37.5 seconds'
from generate_series(1, (1000000 * :scale)::bigint) n;
create index on events (user_id);
create index on events (kind, created_at);
create index on events (created_at);

create table documents (id bigint primary key, name text not null, body bytea not null);
insert into documents
select n, 'document ' || n, decode((select string_agg(md5((n * 1000 + part)::text), '') from generate_series(1, 400) part), 'hex')
from generate_series(1, (4000 * :scale)::bigint) n;

select format($ddl$
  create table small_%1$s (id int primary key, parent int, label text not null, weight double precision, noted timestamptz not null default '2025-01-01');
  insert into small_%1$s select n, nullif(n / 10, 0), 'row ' || n, n / 3.0 from generate_series(1, %2$s) n;
  create index on small_%1$s (label);
  alter table small_%1$s add foreign key (parent) references small_%1$s (id);
$ddl$, to_char(t, 'FM00'), 100 * t)
from generate_series(1, 40) t \gexec
vacuum (analyze);

-- Rows, made from their numbers. They come before the triggers of the next step, one of which always fires.
set local role postgres;
set local search_path = pg_catalog, extensions;
set local timezone = 'UTC';

insert into app_private.customers
  (id, by_default, serial_number, name, email, rating, mood, moods, home, other_homes, spends, was_here, often_here, code, net,
   nickname, sorted, attributes)
overriding system value
select
  100 + 10 * n, n * 3, n,
  case n % 4 when 0 then 'Zoë' when 1 then 'zoe' when 2 then 'ÅNGSTRÖM' else 'O''Neil, "Jr."' end || ' ' || n,
  'Person' || n || '@Example.com', 1 + n % 5, (enum_range(null::app_private.mood))[1 + n % 4],
  case when n % 3 = 0 then '{}' else array['fine', null, 'it''s "bad"']::app_private.mood[] end,
  case when n % 5 > 0 then row('1 "High" St, ' || n, null, case when n % 2 = 0 then row(n, 'NaN', -0.0)::app_private.point_3d end)::app_private.address end,
  case when n % 7 = 0 then array[row('', '', null)::app_private.address, null] end,
  case n % 3 when 0 then 'empty' when 1 then '[1.0,2.00)' end::app_private.price_range,
  tstzrange('2025-09-26 08:00:00+00'::timestamptz + n * interval '1 hour', case when n % 2 = 0 then null else 'infinity'::timestamptz end),
  case when n % 2 = 0 then '{[2025-01-01 00:00:00+00,2025-01-02 00:00:00+00),(2026-01-01 00:00:00+00,)}'::tstzmultirange end,
  'C-' || n, n * 1.10, 'Nick' || n, chr(64 + n::integer % 26 + 1), hstore('k"' || n, case when n % 2 = 0 then null else '' end)
from generate_series(1, 300) as n;
select setval(pg_get_serial_sequence('app_private.customers', 'id'), 5000);
select setval('app_private.customers_serial_number_seq', 400);

insert into app_private."Order Items ""2026""" select n, 'a' || n, 'b', '{"k": null}', n, '$1', ' ' from generate_series(1, 40) as n;
insert into app_private.nothing select from generate_series(1, 3);
-- children before their parents: only a whole statement's end makes this right
insert into app_private.folders select n, nullif((n * 7) % 60, n), 'folder ' || n from generate_series(0, 59) as n;
insert into app_private.departments select n, 'Department ' || n, n * 2 from generate_series(1, 12) as n;
insert into app_private.employees select n, 'Employee ' || n, 1 + n % 12 from generate_series(1, 60) as n;
insert into app_private.salaries select n, n, n * 1000.10 from generate_series(1, 60) as n;
insert into app_private.pairs select n, n % 7, 'p' || n from generate_series(1, 50) as n;
insert into app_private.pair_notes select n, n, n % 7 from generate_series(1, 50) as n;
insert into app_private.pair_notes values (51, null, null);
insert into app_private.bookings select n % 4, tstzrange(at, at + interval '1 hour'), false
  from generate_series(1, 40) as n, lateral (select timestamptz '2026-01-01 00:00:00+00' + n * interval '2 hours' as at) as slot;
insert into app_private.bookings select room, during, true from app_private.bookings;
insert into app_private.vehicles select n, 'vehicle ' || n from generate_series(1, 10) as n;
insert into app_private.lorries select 100 + n, 'lorry ' || n, n * 500 from generate_series(1, 10) as n;
insert into app_private.shops values ('1 Street', 'AB1 2CD', row(1, 2, 3)), (null, '', null);
insert into app_private.scratch select n, 'lost at a crash' from generate_series(1, 20) as n;
insert into app_private.keyless select n % 5, case when n % 2 = 0 then 'twice' end from generate_series(1, 50) as n;
insert into app_private.events (id, happened_at, kind, customer_id, payload)
  select n, timestamptz '2024-11-01 00:00:00+00' + n * interval '17 hours 3.000001 seconds', (array['click', 'tap', 'view', ''])[1 + n % 4],
    case when n % 3 = 0 then null else 100 + 10 * (1 + n % 300) end, jsonb_build_object('n', n, 'v', 1.0)
  from generate_series(1, 1500) as n;
select setval(pg_get_serial_sequence('app_private.events', 'id'), 1500);
insert into app_private.counters select 'counter ' || n % 30, date '2026-01-01' + n::integer / 30, n from generate_series(0, 599) as n;
select setval('app_private.ticket_numbers', 45, false);
select setval('app_private.backwards', -12, true);

-- Added over rows that break them: they can only be made again as NOT VALID.
insert into app_private.keyless values (-1, 'broken');
alter table app_private.keyless add constraint not_negative check (a >= 0) not valid;
insert into app_private.pair_notes values (99, null, null);
alter table app_private.pair_notes add constraint notes_of_departments foreign key (id) references app_private.departments (id) not valid;
create unique index folders_name_idx on app_private.folders (name);
alter table app_private.folders add constraint "Folder names" unique using index folders_name_idx;
alter table app_private.folders cluster on "Folder names";

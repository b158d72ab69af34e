-- Views, materialized views, rules, triggers, publications: all that has to wait until the rows are there.
set local role postgres;
set local search_path = pg_catalog, extensions;

create view app_private.z_base as select id, name, net, gross from app_private.customers where net > 5;
-- named so that an alphabetical order makes it before what it reads
create view app_private.a_top with (security_barrier = true) as select * from app_private.z_base order by gross desc limit 10;
create view app_private.my_salary with (security_invoker = on) as select * from app_private.salaries;
create view app_private.editable with (check_option = local) as select id, name from app_private.vehicles where id < 1000;
create view app_private.totals as
  select c.id, c.name, count(e.*) as events from app_private.customers c left join app_private.events e on e.customer_id = c.id
  group by c.id; -- stands on the primary key: c.name is not grouped
create view app_private.tree as
  with recursive below as (
    select id, parent_id, 1 as depth from app_private.folders where parent_id is null or id = 0
    union
    select f.id, f.parent_id, b.depth + 1 from app_private.folders f join below b on f.parent_id = b.id where b.depth < 5
  ) select * from below;
grant select on app_private.my_salary to authenticated;
comment on view app_private.a_top is 'Reads a view that sorts after it';

create materialized view app_private.events_by_kind as
  select kind, count(*) as events, max(happened_at) as newest from app_private.events group by kind;
create unique index events_by_kind_kind on app_private.events_by_kind (kind);
create materialized view app_private.never_filled as select * from app_private.events_by_kind with no data;

create rule keep_scratch as on delete to app_private.scratch do instead nothing;

-- Calls; and says so in a table that must hold nothing new after a move.
create table app_private.trigger_calls (name text, at timestamptz default now());
create function app_private.note_call() returns trigger language plpgsql as $$
begin
  insert into app_private.trigger_calls (name) values (tg_name);
  return coalesce(new, old);
end
$$;
create trigger usual after insert or update of name, net or delete on app_private.customers
  for each row when (pg_trigger_depth() = 0) execute function app_private.note_call();
create trigger off_since_march after insert on app_private.customers for each row execute function app_private.note_call();
-- These two fire even where session_replication_role is replica: loading has to mind them by name.
create trigger always_on after insert on app_private.employees for each row execute function app_private.note_call();
create trigger for_replicas before insert on app_private.employees for each row execute function app_private.note_call();
alter table app_private.customers disable trigger off_since_march;
alter table app_private.employees enable always trigger always_on, enable replica trigger for_replicas;
create constraint trigger at_the_end after insert on app_private.folders deferrable initially deferred
  for each row execute function app_private.note_call();
create trigger whole_statement after update on app_private.events
  referencing old table as was new table as now_is for each statement execute function app_private.note_call();
create trigger on_each_part before insert on app_private.counters for each row execute function app_private.note_call();
create trigger through_the_view instead of insert on app_private.my_salary for each row execute function app_private.note_call();

-- A database webhook, as the dashboard makes it: its header holds a key in clear.
create trigger "order webhook" after insert or update or delete on app_private."Order Items ""2026"""
  for each row execute function supabase_functions.http_request(
    'https://hooks.example.com/orders?x=1', 'POST', '{"Content-type":"application/json","Authorization":"Bearer stand-in"}', '{}', '5000');

create publication app_changes for table app_private.customers (id, name) where (id > 100), table app_private.pairs
  with (publish = 'insert, update', publish_via_partition_root = true);

alter default privileges for role postgres grant usage on sequences to app_readers;
grant execute on function app_private.add_tax(numeric, numeric) to authenticated;
alter procedure app_private.archive(integer, timestamptz) security definer set search_path = '' set lock_timeout = '1s';

-- Belongs to another role than the rest.
grant create on schema app_private to app_readers;
create table app_private.owned_elsewhere (id integer primary key, note text);
insert into app_private.owned_elsewhere select n, 'note ' || n from generate_series(1, 10) as n;
grant app_readers to postgres;
alter table app_private.owned_elsewhere owner to app_readers;

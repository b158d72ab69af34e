-- Types, and functions that tables are built from.
set local role postgres;

create type app_private.mood as enum ('fine', 'so-so', 'it''s "bad"');
alter type app_private.mood add value 'great' before 'fine'; -- sort order is not the order of creation

create domain app_private.email_address as extensions.citext
  constraint has_an_at check (value like '%_@_%')
  constraint is_short check (length(value) <= 254);
create domain app_private.rating as smallint default 3 not null check (value between 1 and 5);

create type app_private.point_3d as (x float8, y float8, z float8);
create type app_private.address as (street text, "Post Code" text, place app_private.point_3d);
create type app_private.price_range as range (subtype = numeric, multirange_type_name = app_private.price_multirange);

create collation app_private.ignores_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- The commonest pain of a restore: a body that names a function of `extensions` bare. The generated column that calls
-- it can only be filled where search_path holds `extensions`. (An index on it could not even be analysed since 17.)
create function app_private.plain_name(value text) returns text
language plpgsql immutable strict parallel safe as $$
begin
  return lower(unaccent(value));
end
$$;

create function app_private.label(value text) returns text language plpgsql immutable set search_path = '' as $$
begin
  return 'c:' || value;
end
$$;

-- Parsed when created: what it names must be there before it, and its text is printed from the parse tree.
create function app_private.add_tax(net numeric, rate numeric default 0.2) returns numeric
language sql immutable parallel safe cost 3
begin atomic
  select round(net * (1 + rate), 2);
end;
create function app_private.add_tax(net integer) returns integer language sql immutable return net + net / 5;

create function app_private.new_code() returns text language sql volatile as $$ select 'C-' || substr(md5(random()::text), 1, 6) $$;

create function app_private.sum_all(variadic items numeric[]) returns numeric language sql immutable as $$
  select sum(item) from unnest(items) as item
$$;

create function app_private.longest_step(state text, value text) returns text language sql immutable as $$
  select case when length(value) > length(coalesce(state, '')) then value else state end
$$;
create aggregate app_private.longest(text) (sfunc = app_private.longest_step, stype = text);

create function app_private.same_place(one app_private.point_3d, other app_private.point_3d) returns boolean
language sql immutable as $$ select (one).x = (other).x and (one).y = (other).y $$;
create operator app_private.=~= (
  function = app_private.same_place, leftarg = app_private.point_3d, rightarg = app_private.point_3d, commutator = operator(app_private.=~=)
);
create function app_private.to_text(place app_private.point_3d) returns text language sql immutable as $$ select (place).x || '/' || (place).y $$;
create cast (app_private.point_3d as text) with function app_private.to_text(app_private.point_3d) as assignment;

create procedure app_private.archive(inout moved integer, before timestamptz default '-infinity')
language plpgsql as $$
begin
  moved := 0;
end
$$;

create text search configuration app_private.english_plain (copy = pg_catalog.english);
alter text search configuration app_private.english_plain
  alter mapping for hword, hword_part, word with extensions.unaccent, english_stem;

/**
 * The catalogue as one JSON document per subject. They are read with an empty search path, so that each type is told
 * with its schema. $1 holds the schemas whose objects are asked for.
 */
export const RELATIONS = `
select coalesce(json_agg(json_build_object(
  'oid', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'description', obj_description(c.oid, 'pg_class'),
  'writes', case when c.relkind in ('r', 'p') then 28 else pg_relation_is_updatable(c.oid, true) end,
  'columns', (
    select coalesce(json_agg(json_build_object(
      'number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'baseType', case
        when b.typnamespace = 'pg_catalog'::regnamespace then format_type(b.oid, null)
        when t.typnamespace = 'pg_catalog'::regnamespace then format_type(t.oid, null)
        else format_type(a.atttypid, a.atttypmod) end,
      'maxLength', case
        when coalesce(b.oid, t.oid) in ('bpchar'::regtype, 'varchar'::regtype)
          then nullif(coalesce(nullif(t.typtypmod, -1), a.atttypmod), -1) - 4
        when coalesce(b.oid, t.oid) in ('bit'::regtype, 'varbit'::regtype)
          then nullif(coalesce(nullif(t.typtypmod, -1), a.atttypmod), -1) end,
      'nullable', not (a.attnotnull or t.typtype = 'd' and t.typnotnull),
      'initial', case
        -- Not pg_get_serial_sequence, which needs a privilege on the schema.
        when a.attidentity <> '' then (
          select format('nextval(%L)', s.objid::regclass) from pg_depend s
          where s.refobjid = c.oid and s.refobjsubid = a.attnum and s.deptype = 'i'
            and s.refclassid = 'pg_class'::regclass and s.classid = 'pg_class'::regclass)
        when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0)) end,
      'description', col_description(c.oid, a.attnum),
      'enumValues', (select json_agg(enumlabel order by enumsortorder) from pg_enum e where e.enumtypid = coalesce(b.oid, t.oid))
    ) order by a.attnum), '[]')
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_type b on b.oid = t.typbasetype and t.typtype = 'd'
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'keys', (
    select coalesce(json_agg(json_build_object('primary', k.contype = 'p', 'columns', (
      select json_agg(a.attname order by o.position)
      from unnest(k.conkey) with ordinality as o (number, position)
      join pg_attribute a on a.attrelid = c.oid and a.attnum = o.number))), '[]')
    from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u'))
))::text, '[]')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'`;

export const FOREIGN_KEYS = `
select coalesce(json_agg(json_build_object(
  'constraint', k.conname, 'source', k.conrelid::bigint::text, 'target', k.confrelid::bigint::text,
  'columns', (
    select json_agg(json_build_array(s.attname, t.attname) order by o.position)
    from unnest(k.conkey, k.confkey) with ordinality as o (source, target, position)
    join pg_attribute s on s.attrelid = k.conrelid and s.attnum = o.source
    join pg_attribute t on t.attrelid = k.confrelid and t.attnum = o.target)
))::text, '[]')
from pg_constraint k where k.contype = 'f' and k.conparentid = 0`;

/** The stored tree of each view: its target list tells which column of which table each of its columns is. */
export const VIEWS = `
select coalesce(json_agg(json_build_object('oid', c.oid::text, 'tree', r.ev_action::text))::text, '[]')
from pg_class c join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')`;

export const ROUTINES = `
with recursive bases (type, base) as (
  select oid, oid from pg_type where typtype <> 'd'
  union all
  select d.oid, b.base from bases b join pg_type d on d.typbasetype = b.type and d.typtype = 'd'
)
select coalesce(json_agg(json_build_object(
  'schema', n.nspname, 'name', p.proname, 'description', obj_description(p.oid, 'pg_proc'),
  'volatility', p.provolatile, 'config', p.proconfig,
  'set', p.proretset, 'rows', p.prorows, 'returns', format_type(p.prorettype, null),
  'returnClass', t.typrelid::bigint::text,
  'composite', t.typtype = 'c' or p.proargmodes && '{t,b,o}'::"char"[],
  'callable', a.unnamed = 0 or (a.inputs = 1
    and p.proargtypes[0] = any ('{bytea,json,jsonb,text,xml}'::regtype[]::oid[])),
  'firstClass', (select f.typrelid::bigint::text from pg_type f where f.oid = p.proargtypes[0]),
  'parameters', a.list
) order by n.nspname, p.proname, a.inputs, obj_description(p.oid, 'pg_proc'), a.list::text)::text, '[]')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
join bases on bases.type = p.prorettype join pg_type t on t.oid = bases.base
cross join lateral (
  select count(*) as inputs, count(*) filter (where coalesce(p.proargnames[o.position], '') = '') as unnamed,
    coalesce(json_agg(json_build_object(
      'name', coalesce(p.proargnames[o.position], ''),
      'type', format_type(o.type, null),
      'wideType', case format_type(o.type, null)
        when 'character' then 'character varying' when 'character[]' then 'character varying[]'
        when 'bit' then 'bit varying' when 'bit[]' then 'bit varying[]' else format_type(o.type, null) end,
      'required', o.input <= p.pronargs - p.pronargdefaults,
      'variadic', coalesce(p.proargmodes[o.position] = 'v', false)) order by o.position), '[]') as list
  from (select x.type, x.position, row_number() over (order by x.position) as input
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as x (type, position)
        where p.proargmodes is null or p.proargmodes[x.position] in ('i', 'b', 'v')) o) a
where p.prokind = 'f' and n.nspname = any ($1::text[])
  and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)`;

/** Implicit casts by function between a domain and json or text. */
export const REPRESENTATIONS = `
select coalesce(json_agg(json_build_object(
  'source', format_type(c.castsource, null), 'target', format_type(c.casttarget, null),
  'schema', n.nspname, 'name', p.proname))::text, '[]')
from pg_cast c
join pg_type s on s.oid = c.castsource join pg_type t on t.oid = c.casttarget
join pg_proc p on p.oid = c.castfunc join pg_namespace n on n.oid = p.pronamespace
where c.castcontext = 'i' and c.castmethod = 'f' and has_function_privilege(p.oid, 'execute')
  and (s.typtype = 'd' and t.oid in ('json'::regtype, 'text'::regtype)
    or t.typtype = 'd' and s.oid in ('json'::regtype, 'text'::regtype))`;

/** Aggregates over rows, and functions, that give a domain whose name is a media type. */
export const HANDLERS = `
with types as (
  select t.oid, lower(t.typname) as name,
    case t.typname when '*/*' then 'application/octet-stream' else lower(t.typname) end as shown,
    t.typbasetype = 'bytea'::regtype as is_binary
  from pg_type t
  where t.typtype = 'd' and (t.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or t.typname = '*/*')
)
select coalesce(json_agg(json_build_object(
  'type', types.name, 'contentType', types.shown, 'binary', types.is_binary,
  'kind', case p.prokind when 'a' then 'aggregate' else 'value' end,
  'routine', json_build_object('schema', n.nspname, 'name', p.proname),
  'target', case when r.oid is not null then json_build_object('schema', rn.nspname, 'name', r.relname) end
))::text, '[]')
from types
join pg_proc p on p.prorettype = types.oid
join pg_namespace n on n.oid = p.pronamespace
left join pg_type a on a.oid = p.proargtypes[0] and p.prokind = 'a'
left join pg_class r on r.oid = a.typrelid and r.relkind in ('r', 'v', 'm', 'f', 'p')
left join pg_namespace rn on rn.oid = r.relnamespace
where n.nspname = any ($1::text[]) and (
  p.prokind = 'a' and p.pronargs = 1 and (r.oid is not null or a.oid = 'anyelement'::regtype)
  or p.prokind = 'f' and not p.proretset)`;

/** Only what a plain user may set: anything else would fail every request of that role. */
export const ROLE_SETTINGS = `
select coalesce(json_agg(json_build_object('role', r.rolname, 'name', s.name, 'value', substr(c.item, strpos(c.item, '=') + 1)))::text, '[]')
from pg_roles r join pg_db_role_setting d on d.setrole = r.oid
  and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
cross join unnest(d.setconfig) as c (item)
join pg_settings s on s.name = lower(split_part(c.item, '=', 1)) and s.context = 'user'
where pg_has_role(current_user, r.oid, 'member') and r.rolname <> current_user`;

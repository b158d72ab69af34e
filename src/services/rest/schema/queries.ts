/** The catalogue as one JSON document per subject. $1 holds the schemas whose objects are asked for. */
export const RELATIONS = `
select coalesce(json_agg(json_build_object(
  'oid', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'description', obj_description(c.oid, 'pg_class'),
  'writes', case when c.relkind in ('r', 'p') then 28 else pg_relation_is_updatable(c.oid, true) end,
  'columns', (
    select coalesce(json_agg(json_build_object(
      'number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'nullable', not a.attnotnull,
      'initial', case
        when a.attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname))
        when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
      'description', col_description(c.oid, a.attnum),
      'enumValues', (select json_agg(enumlabel order by enumsortorder) from pg_enum e where e.enumtypid = a.atttypid)
    ) order by a.attnum), '[]')
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
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
select coalesce(json_agg(json_build_object(
  'schema', n.nspname, 'name', p.proname, 'description', obj_description(p.oid, 'pg_proc'),
  'volatility', p.provolatile, 'config', p.proconfig,
  'set', p.proretset, 'rows', p.prorows, 'returns', format_type(p.prorettype, null),
  'returnKind', t.typtype, 'returnClass', coalesce(nullif(b.typrelid, 0), t.typrelid)::bigint::text,
  'tableColumns', 't' = any (coalesce(p.proargmodes, '{}'::"char"[])) or (
    'o' = any (coalesce(p.proargmodes, '{}'::"char"[])) or 'b' = any (coalesce(p.proargmodes, '{}'::"char"[]))) and t.typname = 'record',
  'firstClass', (select a.typrelid::bigint::text from pg_type a where a.oid = p.proargtypes[0]),
  'parameters', (
    select coalesce(json_agg(json_build_object(
      'name', coalesce(p.proargnames[o.position], ''),
      'type', format_type(o.type, null),
      'required', o.input <= p.pronargs - p.pronargdefaults,
      'variadic', coalesce(p.proargmodes[o.position] = 'v', false)) order by o.position), '[]')
    from (select x.type, x.position, row_number() over (order by x.position) as input
          from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as x (type, position)
          where p.proargmodes is null or p.proargmodes[x.position] in ('i', 'b', 'v')) o)
))::text, '[]')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type t on t.oid = p.prorettype
left join pg_type b on b.oid = t.typbasetype and t.typtype = 'd'
where p.prokind = 'f' and n.nspname = any ($1::text[]) and p.prorettype <> 'trigger'::regtype
  and p.prorettype <> 'event_trigger'::regtype`;

/** Only what a plain user may set: anything else would fail every request of that role. */
export const ROLE_SETTINGS = `
select coalesce(json_agg(json_build_object('role', r.rolname, 'name', s.name, 'value', substr(c.item, strpos(c.item, '=') + 1)))::text, '[]')
from pg_roles r join pg_db_role_setting d on d.setrole = r.oid
  and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
cross join unnest(d.setconfig) as c (item)
join pg_settings s on s.name = lower(split_part(c.item, '=', 1)) and s.context = 'user'
where pg_has_role(current_user, r.oid, 'member') and r.rolname <> current_user`;

export const TIMEZONES = `select coalesce(json_agg(name)::text, '[]') from pg_timezone_names`;

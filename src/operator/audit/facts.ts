import { encryptedNames } from '../../foundation/encryption/encrypted-names.ts';
import { isPlatformSchema, isSystemSchema } from '../../foundation/postgres/managed.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import type { AuditFacts, FunctionFacts, PolicyFacts, RelationFacts } from './model.ts';

/**
 * What `roles` may reach in `schemas` by grants, policies, functions and views. Reads the catalogue only.
 *
 * @param schemas those that the API serves: what is elsewhere cannot be asked for
 */
export async function readAuditFacts(
  session: Session,
  schemas: readonly string[],
  wantedRoles: readonly string[],
): Promise<AuditFacts> {
  const served = schemas.filter(
    (schema) => !isSystemSchema(schema) && (schema === 'public' || !isPlatformSchema(schema)),
  );
  const known = await session.rows<{ name: string }>(
    'select rolname::text as name from pg_catalog.pg_roles where rolname = any($1)',
    [[...wantedRoles, 'service_role']],
  );
  const names = new Set(known.map(({ name }) => name));
  const roles = wantedRoles.filter((role) => names.has(role));
  const [extensions] = await session.rows("select from pg_catalog.pg_namespace where nspname = 'extensions'");
  const sources = await session.rows<{ name: string; source: string }>(SOURCES, [served]);
  return {
    roles,
    serviceRole: names.has('service_role') ? 'service_role' : null,
    relations: await readRelations(session, served, roles),
    policies: await session.rows<PolicyFacts & Record<string, unknown>>(POLICIES, [served]),
    functions: await session.rows<FunctionFacts & Record<string, unknown>>(FUNCTIONS, [served, roles]),
    sources: Object.fromEntries(sources.map(({ name, source }) => [name, source])),
    hasExtensionsSchema: extensions !== undefined,
  };
}

async function readRelations(
  session: Session,
  schemas: readonly string[],
  roles: readonly string[],
): Promise<RelationFacts[]> {
  const encrypted = await encryptedNames(session);
  const relations = await session.rows<RelationFacts & Record<string, unknown>>(RELATIONS, [schemas, roles]);
  return relations.map((relation) => ({
    ...relation,
    columns: relation.columns.map((column) => ({
      ...column,
      encrypted: encrypted.has(`${relation.schema}.${relation.name}.${column.name}`),
    })),
  }));
}

const NOT_OF_AN_EXTENSION = (classOf: string, oid: string): string => `
  not exists (select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.${classOf}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;

/** An absent ACL means what acldefault says. Grants by role name; 0 is PUBLIC. */
const grantsOf = (acl: string): string => `
  select coalesce(json_agg(json_build_object('grantee', case when x.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee) end,
    'privilege', lower(x.privilege_type), 'grantable', x.is_grantable, 'column', x.column)), '[]') from (${acl}) x`;

const columnsFor = (privilege: string): string => `
  (select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and has_column_privilege(r.role, c.oid, a.attnum, '${privilege}'))`;

const RELATIONS = `
  select c.oid, n.nspname::text as schema, c.relname::text as name,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
    pg_catalog.pg_get_userbyid(c.relowner)::text as owner, c.relrowsecurity as "rowSecurity",
    (select coalesce(json_agg(json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
       'category', t.typcategory, 'hasDefault', a.atthasdef, 'nullable', not a.attnotnull) order by a.attnum), '[]')
     from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (${grantsOf(`
      select e.*, null::text as column from pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) e
      union all select e.*, a.attname::text from pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) e
       where a.attrelid = c.oid and not a.attisdropped`)}) as grants,
    (select coalesce(json_object_agg(r.role, json_build_object('select', ${columnsFor('select')}, 'insert', ${columnsFor('insert')},
       'update', ${columnsFor('update')}, 'delete', has_table_privilege(r.role, c.oid, 'delete'))), '{}')
     from unnest($2::text[]) r (role) where has_schema_privilege(r.role, n.oid, 'usage')) as privileges,
    coalesce((select lower(o.option_value) in ('true', 'on', '1', 'yes') from pg_catalog.pg_options_to_table(c.reloptions) o
      where o.option_name = 'security_invoker'), false) as invoker,
    c.relkind = 'v' and pg_catalog.pg_relation_is_updatable(c.oid, false) & 4 <> 0 as updatable,
    (select coalesce(json_agg(distinct f.nspname || '.' || t.relname), '[]')
     from pg_catalog.pg_rewrite w
     join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
       and d.refclassid = 'pg_catalog.pg_class'::regclass
     join pg_catalog.pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p')
     join pg_catalog.pg_namespace f on f.oid = t.relnamespace
     join pg_catalog.pg_roles o on o.oid = c.relowner
     where w.ev_class = c.oid and t.relrowsecurity
       and (o.rolsuper or o.rolbypassrls or (t.relowner = c.relowner and not t.relforcerowsecurity))) as bypasses,
    (select coalesce(json_agg(p.pubname), '[]') from pg_catalog.pg_publication_tables p
      where p.schemaname = n.nspname and p.tablename = c.relname) as published
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any($1) and c.relkind in ('r', 'p', 'f', 'v', 'm') and c.relpersistence <> 't'
    and ${NOT_OF_AN_EXTENSION('pg_class', 'c.oid')}
  order by 2, 3`;

const POLICIES = `
  select p.polrelid as "table", p.polname::text as name,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
    p.polpermissive as permissive,
    (select json_agg(case when r.oid = 0 then 'public' else pg_catalog.pg_get_userbyid(r.oid) end order by r.place)
       from unnest(p.polroles) with ordinality r (oid, place)) as roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any($1) order by n.nspname, c.relname, p.polname`;

const FUNCTIONS = `
  select p.oid, n.nspname::text as schema, p.proname::text as name, pg_catalog.pg_get_function_identity_arguments(p.oid) as signature,
    (select coalesce(json_agg(pg_catalog.format_type(t.oid, null) order by t.place), '[]')
       from unnest(p.proargtypes) with ordinality t (oid, place)) as "argumentTypes",
    pg_catalog.pg_get_function_result(p.oid) as returns,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as source,
    exists (select from unnest(p.proconfig) s where s like 'search\\_path=%') as "searchPath",
    (${grantsOf(`select e.*, null::text as column
       from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) e`)}) as grants,
    (select coalesce(json_agg(r.role), '[]') from unnest($2::text[]) r (role)
      where has_schema_privilege(r.role, n.oid, 'usage') and has_function_privilege(r.role, p.oid, 'execute')) as callers,
    exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_policy'::regclass
      and d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = p.oid) as "inPolicy",
    (select coalesce(json_agg(distinct s.nspname || '.' || v.relname), '[]') from pg_catalog.pg_depend d
       join pg_catalog.pg_rewrite w on w.oid = d.objid join pg_catalog.pg_class v on v.oid = w.ev_class and v.relkind = 'v'
       join pg_catalog.pg_namespace s on s.oid = v.relnamespace
      where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_proc'::regclass
        and d.refobjid = p.oid) as "inViews",
    p.provolatile = 'v' as volatile
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname = any($1) and p.prosecdef and p.prokind in ('f', 'p') and ${NOT_OF_AN_EXTENSION('pg_proc', 'p.oid')}
  order by 2, 3, 4`;

const SOURCES = `
  select p.proname::text as name, string_agg(coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc), E'\\n') as source
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname = any($1) and p.prokind in ('f', 'p') and ${NOT_OF_AN_EXTENSION('pg_proc', 'p.oid')}
  group by 1`;

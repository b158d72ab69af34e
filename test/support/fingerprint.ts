import type { Session } from '../../src/foundation/postgres/session.ts';

/** SQL: an access list as sorted text; what is not set counts as the default of its kind. */
const acl = (column: string, kind: string, owner: string): string =>
  `(select string_agg(format('%s>%s:%s%s', x.grantor::regrole, x.grantee::regrole, x.privilege_type, x.is_grantable), ' '
      order by x.grantee::regrole::text, x.grantor::regrole::text, x.privilege_type)
    from aclexplode(coalesce(${column}, acldefault('${kind}', ${owner}))) x)`;

const OWN = `n.nspname !~ '^(pg_toast|pg_temp|pg_catalog$|information_schema$)'`;

/** One list of lines for each part of the system catalogue: told by another road than the engine's own reader. */
const PARTS: Readonly<Record<string, string>> = {
  schemas: `select format('%s %s %s', nspname, nspowner::regrole, ${acl('nspacl', 'n', 'nspowner')}) from pg_namespace n where ${OWN}`,
  relations: `select format('%s.%s %s %s %s %s %s %s %s %s', n.nspname, relname, relkind, relowner::regrole, relrowsecurity, relforcerowsecurity,
      relreplident, reloptions, relispopulated, case when relkind in ('r', 'v', 'm', 'p', 'S', 'f') then ${acl('relacl', 'r', 'relowner')} end)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OWN} and relkind not in ('i', 'I', 'S')`,
  sequences: `select format('%s.%s %s %s %s %s %s', schemaname, sequencename, sequenceowner, start_value, increment_by, last_value, data_type)
    from pg_sequences where schemaname !~ '^pg_temp'`,
  sequence_rights: `select format('%s.%s %s', n.nspname, relname, ${acl('relacl', 's', 'relowner')})
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OWN} and relkind = 'S'`,
  columns: `select format('%s.%s.%s %s %s %s %s %s %s', n.nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
      attgenerated, attacl, pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
    left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum
    where ${OWN} and attnum > 0 and not attisdropped and relkind in ('r', 'v', 'm', 'p', 'c', 'f')`,
  indexes: `select pg_get_indexdef(indexrelid) || indisvalid::text from pg_index i join pg_class c on c.oid = indexrelid
    join pg_namespace n on n.oid = relnamespace where ${OWN}`,
  constraints: `select format('%s %s %s %s %s', n.nspname, conrelid::regclass, conname, pg_get_constraintdef(c.oid), convalidated)
    from pg_constraint c join pg_namespace n on n.oid = connamespace where ${OWN}`,
  routines: `select format('%s %s %s %s', p.oid::regprocedure, proowner::regrole, ${acl('proacl', 'f', 'proowner')}, md5(p.prosrc || coalesce(p.proconfig::text, '') || p.prosecdef))
    from pg_proc p join pg_namespace n on n.oid = pronamespace where ${OWN}`,
  types: `select format('%s.%s %s %s %s', n.nspname, typname, typtype, typowner::regrole, ${acl('typacl', 'T', 'typowner')})
    from pg_type t join pg_namespace n on n.oid = typnamespace where ${OWN}`,
  triggers: `select pg_get_triggerdef(oid) || tgenabled::text from pg_trigger where not tgisinternal`,
  rules: `select pg_get_ruledef(r.oid) from pg_rewrite r join pg_class c on c.oid = ev_class join pg_namespace n on n.oid = relnamespace where ${OWN}`,
  policies: `select format('%s %s %s %s %s %s %s', polrelid::regclass, polname, polcmd, polpermissive, polroles::regrole[],
      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) from pg_policy`,
  event_triggers: `select format('%s %s %s', evtname, evtenabled, evtfoid::regproc) from pg_event_trigger`,
  publications: `select format('%s %s %s %s', pubname, pubowner::regrole, puballtables, (select json_agg(t order by t.schemaname, t.tablename)
      from pg_publication_tables t where t.pubname = p.pubname)) from pg_publication p`,
  extensions: `select format('%s %s', extname, extnamespace::regnamespace) from pg_extension`,
  default_rights: `select format('%s %s %s %s', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, ${acl('defaclacl', 'r', 'defaclrole')}) from pg_default_acl`,
  statistics: `select pg_get_statisticsobjdef(oid) from pg_statistic_ext`,
  comments: `select format('%s %s', pg_describe_object(classoid, objoid, objsubid), description) from pg_description d
    where objoid >= 16384 or classoid = 'pg_namespace'::regclass`,
  roles: `select format('%s', to_jsonb(r) - 'oid' - 'rolpassword') from pg_roles r`,
  members: `select format('%s %s %s', roleid::regrole, member::regrole, admin_option) from pg_auth_members`,
  settings: `select format('%s %s', setrole::regrole, setconfig) from pg_db_role_setting
    where setdatabase in (0, (select oid from pg_database where datname = current_database()))`,
  database: `select format('%s %s', datdba::regrole, ${acl('datacl', 'd', 'datdba')}) from pg_database where datname = current_database()`,
  other: `select format('%s %s', classid::regclass, count(*)) from (
      select 'pg_operator'::regclass as classid from pg_operator where oid >= 16384
      union all select 'pg_cast' from pg_cast where oid >= 16384 union all select 'pg_collation' from pg_collation where oid >= 16384
      union all select 'pg_ts_config' from pg_ts_config where oid >= 16384 union all select 'pg_ts_dict' from pg_ts_dict where oid >= 16384
      union all select 'pg_largeobject_metadata' from pg_largeobject_metadata) x group by classid`,
};

export type Fingerprint = Readonly<Record<string, readonly string[]>>;

export async function fingerprint(session: Session): Promise<Fingerprint> {
  await session.script(`set search_path = ''`);
  const parts: Record<string, string[]> = {};
  for (const [name, query] of Object.entries(PARTS)) {
    const rows = await session.rows<{ line: string }>(
      `select line from (${query}) as x (line) order by line collate "C"`,
    );
    parts[name] = rows.map(({ line }) => line);
  }
  return parts;
}

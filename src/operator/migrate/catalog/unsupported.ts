import { CLASS, FIRST_USER_OID, notOfExtension, type ReadContext } from './context.ts';
import type { Unsupported } from './model.ts';

const HERE = 'n.nspname = any($1)';
const C_CODE = 'it runs compiled code that is loaded into the server';

interface Probe {
  /** SELECT of one column `what`, ready to be shown. */
  readonly sql: string;
  readonly why: string;
}

/** Each thing that may be there and that no family of kinds has a statement for. */
const PROBES: readonly Probe[] = [
  {
    sql: `select 'function ' || p.oid::regprocedure::text as what from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
      where l.lanname in ('c', 'internal') and p.prokind <> 'a' and ${HERE} and ${notOfExtension(CLASS.routine, 'p.oid')}
        and not exists (select from pg_depend i where i.classid = ${CLASS.routine} and i.objid = p.oid and i.deptype = 'i')`,
    why: C_CODE,
  },
  {
    sql: `select 'base type ' || t.oid::regtype::text as what from pg_type t join pg_namespace n on n.oid = t.typnamespace
      where t.typtype = 'b' and t.typelem = 0 and ${HERE} and ${notOfExtension(CLASS.type, 't.oid')}`,
    why: C_CODE,
  },
  {
    sql: `select 'range type ' || t.oid::regtype::text as what from pg_range r join pg_type t on t.oid = r.rngtypid
      join pg_namespace n on n.oid = t.typnamespace
      where r.rngcanonical <> 0 and ${HERE} and ${notOfExtension(CLASS.type, 't.oid')}`,
    why: 'its canonical function must exist before the type it takes, which only compiled code can do',
  },
  {
    sql: `select 'operator class ' || quote_ident(n.nspname) || '.' || quote_ident(o.opcname) as what
      from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace
      where ${HERE} and ${notOfExtension(2616, 'o.oid')}`,
    why: 'operator classes are index code and need a superuser on both sides',
  },
  {
    sql: `select 'operator family ' || quote_ident(n.nspname) || '.' || quote_ident(o.opfname) as what
      from pg_opfamily o join pg_namespace n on n.oid = o.opfnamespace
      where ${HERE} and ${notOfExtension(2753, 'o.oid')}
        and not exists (select from pg_opclass c where c.opcfamily = o.oid and c.opcname = o.opfname)`,
    why: 'operator families are index code and need a superuser on both sides',
  },
  {
    sql: `select 'conversion ' || quote_ident(n.nspname) || '.' || quote_ident(c.conname) as what
      from pg_conversion c join pg_namespace n on n.oid = c.connamespace
      where ${HERE} and ${notOfExtension(CLASS.conversion, 'c.oid')}`,
    why: C_CODE,
  },
  {
    sql: `select 'text search ' || x.kind || ' ' || quote_ident(n.nspname) || '.' || quote_ident(x.name) as what
      from (select 'parser' as kind, p.prsname as name, p.prsnamespace as space from pg_ts_parser p
          where ${notOfExtension(3601, 'p.oid')}
        union all select 'template', t.tmplname, t.tmplnamespace from pg_ts_template t
          where ${notOfExtension(3764, 't.oid')}) x
      join pg_namespace n on n.oid = x.space where ${HERE}`,
    why: C_CODE,
  },
  {
    sql: `select 'language ' || quote_ident(l.lanname) as what from pg_language l
      where $1::text[] is not null and l.oid >= ${FIRST_USER_OID} and ${notOfExtension(2612, 'l.oid')}`,
    why: 'languages come with extensions; this one was made by hand',
  },
  {
    sql: `select 'access method ' || quote_ident(a.amname) as what from pg_am a
      where $1::text[] is not null and a.oid >= ${FIRST_USER_OID} and ${notOfExtension(2601, 'a.oid')}`,
    why: C_CODE,
  },
  {
    sql: `select 'transform for ' || t.trftype::regtype::text as what from pg_transform t
      where $1::text[] is not null and ${notOfExtension(3576, 't.oid')}`,
    why: C_CODE,
  },
  {
    sql: `select 'superuser right of role ' || quote_ident(rolname) as what from pg_roles
      where $1::text[] is not null and rolsuper and oid >= ${FIRST_USER_OID} and rolname !~ '^(supabase_|postgres$)'`,
    why: 'no role of the source gets all rights here; the role itself comes along',
  },
  {
    sql: `select 'membership of ' || quote_ident(m.rolname) || ' in ' || r.rolname as what
      from pg_auth_members x join pg_roles r on r.oid = x.roleid join pg_roles m on m.oid = x.member
      where $1::text[] is not null and m.rolname !~ '^(pg_|supabase_|postgres$)'
        and r.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')`,
    why: 'it reaches files and programs of the server',
  },
  {
    sql: `select 'setting ' || split_part(c, '=', 1) || coalesce(' of role ' || quote_ident(r.rolname), '') as what
      from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c
      where $1::text[] is not null and c ~ '^(\\w+_preload_libraries|dynamic_library_path)='
        and coalesce(r.rolname, '') !~ '^(supabase_|authenticator$|postgres$)'
        and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))`,
    why: C_CODE,
  },
  {
    sql: `select 'foreign data wrapper ' || quote_ident(w.fdwname) as what from pg_foreign_data_wrapper w
      where $1::text[] is not null and ${notOfExtension(2328, 'w.oid')}`,
    why: 'connections to other servers are set up by hand, with their own secrets',
  },
  {
    sql: `select 'foreign server ' || quote_ident(s.srvname) as what from pg_foreign_server s
      where $1::text[] is not null and ${notOfExtension(1417, 's.oid')}`,
    why: 'connections to other servers are set up by hand, with their own secrets',
  },
  {
    sql: `select 'user mapping of ' || quote_ident(coalesce(m.usename, 'public')) || ' on ' || quote_ident(m.srvname) as what
      from pg_user_mappings m where $1::text[] is not null`,
    why: 'its options hold a password of another server',
  },
  {
    sql: `select 'subscription ' || quote_ident(s.subname) as what from pg_subscription s
      where $1::text[] is not null and s.subdbid = (select oid from pg_database where datname = current_database())`,
    why: 'a copy of it would take changes from its publisher twice',
  },
  {
    sql: `select count(*) || ' large object' || case when count(*) = 1 then '' else 's' end as what
      from pg_largeobject_metadata where $1::text[] is not null having count(*) > 0`,
    why: 'large objects (pg_largeobject) are not copied; store them as bytea or as files',
  },
  {
    sql: `select 'security label of ' || s.provider || ' on ' || s.objtype || ' ' || s.objname as what
      from pg_seclabels s where $1::text[] is not null and s.provider <> 'pgsodium'`,
    why: 'security labels mean something to the module that set them alone',
  },
  {
    sql: `select 'security label of pgsodium on ' || s.objtype || ' ' || s.objname as what
      from pg_seclabels s where $1::text[] is not null and s.provider = 'pgsodium'`,
    why: 'pgsodium encrypts this column with a key that only the platform holds; decrypt it before the move',
  },
  {
    sql: `select 'tablespace of ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) as what from pg_class c
      join pg_namespace n on n.oid = c.relnamespace where c.reltablespace <> 0 and c.relkind in ('r', 'i', 'm', 'p') and ${HERE}`,
    why: 'tablespaces are directories of one machine; the copy lives in the default one',
  },
  {
    sql: `select 'policy ' || quote_ident(p.polname) || ' on realtime.' || quote_ident(c.relname) as what from pg_policy p
      join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'realtime' and not n.nspname = any($1)`,
    why: 'the realtime schema belongs to the platform; re-create the policy on the new side if channels are private',
  },
  {
    sql: `select 'partition ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) as what from pg_inherits i
      join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace
      where i.inhdetachpending and ${HERE}`,
    why: 'it is half detached; finish with ALTER TABLE … DETACH PARTITION … FINALIZE on the source',
  },
];

/** What is there and has no statement, each with its reason. Ordered as text. */
export async function readUnsupported(context: ReadContext): Promise<Unsupported[]> {
  const found: Unsupported[] = [];
  for (const { sql, why } of PROBES) {
    const rows = await context.session.rows<{ what: string }>(sql, [context.schemas]);
    found.push(...rows.map(({ what }) => ({ what, why })));
  }
  return found;
}

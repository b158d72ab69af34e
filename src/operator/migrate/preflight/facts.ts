import type { Session } from '../../../foundation/postgres/session.ts';
import type { Pooler } from '../../../foundation/postgres/pooler.ts';

/** What the checks need to know of the source beyond its catalogue. Read with plain SELECTs. */
export interface SourceFacts {
  readonly version: number;
  readonly role: string;
  readonly bypassesRowSecurity: boolean;
  readonly pooler: Pooler;
  readonly encrypted: boolean;
  readonly readOnly: boolean;
  readonly inRecovery: boolean;
  readonly statementTimeout: string;
  readonly freeConnections: number;
  readonly databaseBytes: number;
  /** Kinds of password hashes in auth.users by prefix: `$2a$`, `$argon2`, `$fbscrypt$`, `{`, `none`. */
  readonly passwordKinds: Readonly<Record<string, number>>;
  readonly cronJobs: number | null;
  readonly vaultSecrets: number | null;
  readonly buckets: ReadonlyArray<{ readonly id: string; readonly objects: number; readonly bytes: number }>;
  readonly largeObjects: number;
  readonly eventTriggers: number;
  readonly roles: readonly string[];
  /** As the role gets it at login, not as we set it. */
  readonly searchPath: string;
}

export interface TargetFacts {
  readonly version: number;
  readonly role: string;
  readonly superuser: boolean;
  readonly inRecovery: boolean;
  readonly freeConnections: number;
  /** Tables of auth and storage that hold rows already. */
  readonly filledTables: readonly string[];
}

export async function readSourceFacts(session: Session, pooler: Pooler): Promise<SourceFacts> {
  const common = await readServer(session);
  const [more] = await session.rows<Record<string, string> & { read_only: boolean; roles: string[] }>(
    `select (select setting from pg_settings where name = 'transaction_read_only') = 'on' and
            exists (select from pg_db_role_setting s, unnest(s.setconfig) c where c in ('default_transaction_read_only=on', 'default_transaction_read_only=true')) as read_only,
            coalesce((select reset_val || unit from pg_settings where name = 'statement_timeout'), '0') as statement_timeout,
            pg_database_size(current_database())::text as bytes,
            (select count(*)::text from pg_largeobject_metadata) as large_objects,
            (select count(*)::text from pg_event_trigger) as event_triggers,
            (select reset_val from pg_settings where name = 'search_path') as search_path,
            (select json_agg(rolname order by rolname) from pg_roles) as roles`,
  );
  return {
    ...common,
    pooler,
    encrypted: session.encrypted,
    readOnly: more?.read_only ?? false,
    statementTimeout: more?.['statement_timeout'] ?? '0',
    databaseBytes: Number(more?.['bytes'] ?? 0),
    largeObjects: Number(more?.['large_objects'] ?? 0),
    eventTriggers: Number(more?.['event_triggers'] ?? 0),
    searchPath: more?.['search_path'] ?? 'public',
    roles: more?.roles ?? [],
    passwordKinds: await readPasswordKinds(session),
    cronJobs: await countOf(session, 'cron.job'),
    vaultSecrets: await countOf(session, 'vault.secrets'),
    buckets: await readBuckets(session),
  };
}

export async function readTargetFacts(session: Session, managedTables: readonly string[]): Promise<TargetFacts> {
  const common = await readServer(session);
  const filled: string[] = [];
  for (const table of managedTables) {
    const [row] = await session.rows(`select 1 from only ${table} limit 1`);
    if (row) filled.push(table);
  }
  return { ...common, filledTables: filled };
}

export async function superusersHere(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>('select rolname as name from pg_roles where rolsuper');
  return rows.map(({ name }) => name);
}

/** Extensions that CREATE EXTENSION would find. */
export async function availableExtensions(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>('select name from pg_available_extensions order by name');
  return rows.map(({ name }) => name);
}

/** Roles that default privileges of the target favour and that are not among the source's. */
export async function strangersHere(target: Session, sourceRoles: readonly string[]): Promise<string[]> {
  const rows = await target.rows<{ name: string }>(
    `select distinct r.rolname as name from pg_default_acl d, aclexplode(d.defaclacl) x join pg_roles r on r.oid = x.grantee order by 1`,
  );
  return rows.map(({ name }) => name).filter((name) => !sourceRoles.includes(name));
}

async function readServer(session: Session): Promise<{
  version: number;
  role: string;
  superuser: boolean;
  bypassesRowSecurity: boolean;
  inRecovery: boolean;
  freeConnections: number;
}> {
  const [row] = await session.rows<Record<string, string> & Record<'super' | 'bypass' | 'recovery', boolean>>(
    `select current_setting('server_version_num') as version, rolname as role, rolsuper as super, rolsuper or rolbypassrls as bypass,
            pg_is_in_recovery() as recovery,
            (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
              - (select count(*) from pg_stat_activity where backend_type = 'client backend'))::text as free
     from pg_roles where rolname = current_user`,
  );
  if (!row) throw new Error('current role not in pg_roles');
  return {
    version: Number(row['version']),
    role: String(row['role']),
    superuser: row.super,
    bypassesRowSecurity: row.bypass,
    inRecovery: row.recovery,
    freeConnections: Number(row['free']),
  };
}

async function readPasswordKinds(session: Session): Promise<Record<string, number>> {
  if (!(await canRead(session, 'auth.users'))) return {};
  const rows = await session.rows<{ kind: string; users: string }>(
    `select case when encrypted_password is null or encrypted_password = '' then 'none'
                 when left(encrypted_password, 1) = '{' then '{'
                 else coalesce(substring(encrypted_password from '^\\$[a-z0-9]+'), 'unknown') end as kind,
            count(*)::text as users
     from auth.users group by 1 order by 1`,
  );
  return Object.fromEntries(rows.map(({ kind, users }) => [kind, Number(users)]));
}

async function readBuckets(session: Session): Promise<SourceFacts['buckets']> {
  if (!(await canRead(session, 'storage.objects'))) return [];
  const rows = await session.rows<Record<'id' | 'objects' | 'bytes', string>>(
    `select b.id, count(o.id)::text as objects, coalesce(sum((o.metadata ->> 'size')::numeric), 0)::text as bytes
     from storage.buckets b left join storage.objects o on o.bucket_id = b.id group by b.id order by b.id`,
  );
  return rows.map(({ id, objects, bytes }) => ({ id, objects: Number(objects), bytes: Number(bytes) }));
}

async function countOf(session: Session, table: string): Promise<number | null> {
  if (!(await canRead(session, table))) return null;
  const [row] = await session.rows<{ n: string }>(`select count(*)::text as n from ${table}`);
  return Number(row?.n ?? 0);
}

/**
 * Whether a SELECT would answer in full: with `row_security = off` a policy that applies is an error, which the check of
 * row security words better. By the catalogue, as `to_regclass` fails in a schema that the role may not use.
 */
async function canRead(session: Session, table: string): Promise<boolean> {
  const [schema, name] = table.split('.');
  const [row] = await session.rows<{ ok: boolean }>(
    `select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') and not row_security_active(c.oid) as ok
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [schema, name],
  );
  return row?.ok ?? false;
}

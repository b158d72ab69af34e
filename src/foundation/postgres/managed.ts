/**
 * What on a hosted Supabase project belongs to the platform and not to its owner.
 *
 * Sources: supabase/cli `apps/cli-go/pkg/migration/dump.go` (the schema and role lists its own dump leaves out, the
 * tables whose rows it leaves out, the settings of reserved roles it keeps) and supabase/postgres `migrations/db` (who
 * makes them). `supabase_migrations` is not here: it is the owner's own history and moves like any other schema.
 */

/** Never copied: the platform makes them, or an extension does. `*` stands for any ending. cli: `InternalSchemas`. */
const PLATFORM_SCHEMAS = [
  // supabase/postgres init scripts and services
  'realtime',
  '_realtime',
  'extensions',
  'graphql',
  'graphql_public',
  'pgbouncer',
  'supabase_functions',
  '_analytics',
  '_supavisor',
  'etl',
  // made by extensions, or holding only what one of them manages
  'vault',
  'pgsodium',
  'pgsodium_masks',
  'cron',
  'net',
  'pgmq',
  'pgtle',
  'dbdev',
  'repack',
  'tiger',
  'tiger_data',
  'topology',
  'timescaledb_*',
  '_timescaledb_*',
  // our own books on a target
  'vectabase',
];

/** Rows move; objects are made only where the target lacks them (supabase/auth and supabase/storage migrate these). */
export const MANAGED_SCHEMAS: readonly string[] = ['auth', 'storage'];

/** Rows stay: they record which of the platform's migrations ran on the source. cli: `excludedTables` of the data dump. */
export const PLATFORM_TABLES: readonly string[] = [
  'auth.schema_migrations',
  'storage.migrations',
  'supabase_functions.migrations',
];

/** The roles that PostgREST and the login role switch to; the target has them too, and users grant to them. */
export const API_ROLES: readonly string[] = ['anon', 'authenticated', 'authenticator', 'service_role'];

/** Roles that serve the platform alone: no grant to them and no ownership by them is carried over. cli: `reservedRoles`. */
const PLATFORM_ROLES = ['dashboard_user', 'pgbouncer', 'supabase_*', 'cli_login_*', 'pgsodium_*', 'pgtle_admin'];

/** Settings of reserved roles that are the owner's choice. cli: `allowedConfigs`. */
const KEPT_SETTINGS = ['pgaudit.*', 'pgrst.*', 'session_replication_role', 'statement_timeout', 'track_io_timing'];

/** Publications that the realtime service makes for itself (supabase/realtime, tenant migrations). */
const PLATFORM_PUBLICATIONS = ['supabase_realtime_messages_publication*'];

/** Postgres' own schemas: catalogues, TOAST, temporary. */
export function isSystemSchema(name: string): boolean {
  return name === 'information_schema' || name.startsWith('pg_');
}

export function isPlatformSchema(name: string): boolean {
  return matches(PLATFORM_SCHEMAS, name);
}

/** Roles of the platform or of Postgres: never created by us. */
export function isReservedRole(name: string): boolean {
  return name === 'postgres' || name.startsWith('pg_') || API_ROLES.includes(name) || isPlatformRole(name);
}

/** Roles that the target need not have at all. */
export function isPlatformRole(name: string): boolean {
  return matches(PLATFORM_ROLES, name);
}

/** May this setting of a reserved role be carried over? */
export function isKeptSetting(name: string): boolean {
  return matches(KEPT_SETTINGS, name);
}

export function isPlatformPublication(name: string): boolean {
  return matches(PLATFORM_PUBLICATIONS, name);
}

function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
}

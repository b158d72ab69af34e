import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import { readAggregates } from './aggregates.ts';
import { readCollations } from './collations.ts';
import { readComments } from './comments.ts';
import { CLASS, notOfExtension, type Draft, type ReadContext, type Role } from './context.ts';
import { readDefaultPrivileges } from './default-privileges.ts';
import { resolveNeeds } from './dependencies.ts';
import { readForeignKeys } from './foreign-keys.ts';
import { readFunctions } from './functions.ts';
import { readOwnersAndGrants } from './grants.ts';
import { readIndexes } from './indexes.ts';
import { isPlatformSchema, isSystemSchema } from '../../../foundation/postgres/managed.ts';
import type { Catalog } from './model.ts';
import { readOperators } from './operators.ts';
import { compareObjects, compareText } from './order.ts';
import { readPublications } from './publications.ts';
import { readRoles } from './roles.ts';
import { readSchemasAndExtensions } from './schemas-extensions.ts';
import { readSequences } from './sequences.ts';
import { readTableDetails } from './table-details.ts';
import { readTables } from './tables.ts';
import { readTextSearch } from './text-search.ts';
import { readTriggersAndPolicies } from './triggers-policies.ts';
import { readTypes } from './types.ts';
import { readUnsupported } from './unsupported.ts';
import { readViews } from './views.ts';

export interface ReadCatalogOptions {
  /**
   * Names of the schemas to read. `all-user`: every schema but Postgres' own, the platform's (managed.ts) and those
   * that an extension made; that includes `auth` and `storage`, whose objects the caller tells apart by `schema`.
   */
  readonly schemas: 'all-user' | readonly string[];
  /**
   * Read for making it elsewhere: what the platform's own roles own in the owner's schemas goes to `postgres`, and no role
   * comes along as a superuser. Else code of the source would run with all rights on the target.
   */
  readonly toMove?: boolean;
}

/**
 * Reads a whole database as one list, one query a family of kinds, plain SELECTs alone. Call it inside a transaction:
 * it sets `search_path` and the settings that decide how constants are printed for that transaction, and leaves them.
 * Objects are ordered by kind and identity. Roles, extensions, publications and settings are read whatever the schemas.
 */
export async function readCatalog(session: Session, options: ReadCatalogOptions): Promise<Catalog> {
  await settle(session);
  const context = await makeContext(session, options);
  const sequences = await readSequences(context);
  const tables = await readTables(context, sequences);
  const indexes = await readIndexes(context);
  const parts = [
    await readRoles(context),
    await readSchemasAndExtensions(context),
    await readCollations(context),
    await readTypes(context),
    await readFunctions(context),
    await readAggregates(context),
    await readOperators(context),
    await readTextSearch(context),
    tables,
    indexes,
    await readForeignKeys(context),
    await readTableDetails(context),
    await readViews(context),
    await readTriggersAndPolicies(context),
    await readPublications(context),
    await readDefaultPrivileges(context),
  ];
  const things = [...sequences.drafts, ...parts.flatMap((part) => part.drafts)];
  const withIdentities = [...things, ...sequences.ofIdentity];
  const grants = await readOwnersAndGrants(context, withIdentities);
  const comments = await readComments(context, withIdentities);
  const drafts: Draft[] = [...things, ...grants, ...comments];
  const objects = await resolveNeeds(context, drafts, indexes.attachedTo);
  const unsupported = [...parts.flatMap((part) => part.unsupported ?? []), ...(await readUnsupported(context))];
  return {
    serverVersion: context.version,
    objects: objects.toSorted(compareObjects),
    tables: tables.infos.toSorted((a, b) => compareText(a.identity, b.identity)),
    sequences: sequences.infos.toSorted((a, b) => compareText(a.identity, b.identity)),
    unpopulated: await readUnpopulated(session),
    unsupported: unsupported.toSorted((a, b) => compareText(a.what, b.what)),
  };
}

/** Settings that decide how names and constants are printed: both sides must read them alike. */
const SETTINGS: Record<string, string> = {
  search_path: '',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  lc_monetary: 'C',
  xmloption: 'content',
};

async function settle(session: Session): Promise<void> {
  for (const [name, value] of Object.entries(SETTINGS)) {
    await session.rows('select set_config($1, $2, true)', [name, value]);
  }
  const [row] = await session.rows<{ path: string }>(`select current_setting('search_path') as path`);
  if (row?.path !== '') throw new VectabaseError('BUG', { message: 'a catalogue was read outside of a transaction' });
}

async function makeContext(session: Session, options: ReadCatalogOptions): Promise<ReadContext> {
  const [server] = await session.rows<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  );
  const roles = await session.rows<{ oid: number; name: string; quoted: string }>(
    'select oid, rolname as name, quote_ident(rolname) as quoted from pg_roles',
  );
  return {
    session,
    version: server?.version ?? 0,
    schemas: options.schemas === 'all-user' ? await userSchemas(session) : options.schemas,
    roles: new Map(roles.map(({ oid, name, quoted }): [number, Role] => [oid, { name, quoted }])),
    heir: options.toMove === true ? (roles.find(({ name }) => name === 'postgres')?.oid ?? null) : null,
  };
}

async function userSchemas(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `select n.nspname as name from pg_namespace n where ${notOfExtension(CLASS.namespace, 'n.oid')}`,
  );
  return rows.map((row) => row.name).filter((name) => !isSystemSchema(name) && !isPlatformSchema(name));
}

async function readUnpopulated(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `select oid::regclass::text as name from pg_class where relkind = 'm' and not relispopulated order by 1`,
  );
  return rows.map(({ name }) => name);
}

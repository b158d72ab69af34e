import { aclEntries, allPrivileges, describeAcl, grantStatements, type AclContext, type AclKind } from './acl.ts';
import { CLASS, makeDraft, scoped, type AclItem, type Draft, type ReadContext } from './context.ts';
import { API_ROLES, isPlatformRole, MANAGED_SCHEMAS } from '../../../foundation/postgres/managed.ts';
import { objectKey } from './model.ts';

type ColumnAcl = { rel: number; column: string; acl: AclItem[] };

/**
 * One owner and one grant object for each thing that has them.
 *
 * A grant object starts by revoking from everybody who can have got something by default privileges, here or on the
 * target: PUBLIC, the API roles and all grantees of the default privileges of this side. Only names that exist on this
 * side are used. So the same statements give the same result whatever the target's own defaults are.
 */
export async function readOwnersAndGrants(context: ReadContext, things: readonly Draft[]): Promise<Draft[]> {
  const acl: AclContext = { roles: context.roles, isDropped: isPlatformRole };
  const strangers = await defaultGrantees(context);
  const columns = await readColumnAcls(context);
  return things
    .map((thing) => inherited(context, thing))
    .flatMap((thing) => [
      ...ownerDraft(context, thing),
      ...(thing.acl === null ? [] : [grantDraft(context, acl, thing, strangers, columns)]),
    ]);
}

/** A thing of the owner's that a role of the platform owns, as if `postgres` did: its own entry takes up the other's. */
function inherited(context: ReadContext, thing: Draft): Draft {
  const { heir, roles } = context;
  const { owner, schema } = thing;
  if (heir === null || owner === null || schema === null || MANAGED_SCHEMAS.includes(schema)) return thing;
  if (!isPlatformRole(roles.get(owner)?.name ?? '')) return thing;
  const acl = thing.acl
    ?.filter(([grantee]) => grantee !== heir)
    .map(([grantee, ...rest]): AclItem => [grantee === owner ? heir : grantee, ...rest]);
  return { ...thing, owner: heir, acl: acl ?? null };
}

/** Roles that default privileges may give something to, quoted. */
async function defaultGrantees(context: ReadContext): Promise<ReadonlySet<string>> {
  const rows = await context.session.rows<{ oid: number }>(
    'select distinct x.grantee::oid as oid from pg_default_acl d, aclexplode(d.defaclacl) x where x.grantee <> 0',
  );
  const listed = rows.flatMap(({ oid }) => context.roles.get(oid) ?? []);
  const api = [...context.roles.values()].filter((role) => API_ROLES.includes(role.name));
  return new Set([...listed, ...api].filter((role) => !isPlatformRole(role.name)).map((role) => role.quoted));
}

async function readColumnAcls(context: ReadContext): Promise<ReadonlyMap<string, readonly ColumnAcl[]>> {
  const rows = await scoped<ColumnAcl>(
    context,
    `select a.attrelid as rel, quote_ident(a.attname) as "column",
       (select json_agg(json_build_array(x.grantee::int8, x.privilege_type, x.is_grantable))
        from aclexplode(a.attacl) x) as acl
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where a.attacl is not null and a.attacl <> '{}' and not a.attisdropped and a.attnum > 0 and n.nspname = any($1)
     order by a.attrelid, quote_ident(a.attname) collate "C"`,
  );
  const byTable = new Map<string, ColumnAcl[]>();
  for (const row of rows) {
    const key = `${CLASS.relation}:${row.rel}`;
    byTable.set(key, [...(byTable.get(key) ?? []), row]);
  }
  return byTable;
}

/** Nothing is told where a role of the platform owns it: the target has its own platform, and its own owner there. */
function ownerDraft(context: ReadContext, thing: Draft): Draft[] {
  const role = thing.owner === null ? undefined : context.roles.get(thing.owner);
  if (role === undefined || !thing.ownable || thing.sqlName === null || isPlatformRole(role.name)) return [];
  const draft = makeDraft({
    kind: 'owner',
    identity: objectKey(thing),
    schema: thing.schema,
    table: thing.table ?? tableOf(thing),
    definition: role.name,
    create: [`ALTER ${thing.sqlName} OWNER TO ${role.quoted}`],
    needs: [objectKey(thing), `role ${role.quoted}`],
  });
  return [draft];
}

/** The table, where the thing is one: so that all that hangs on a table can be found by its name. */
function tableOf(thing: Draft): string | null {
  return ['table', 'view', 'materialized-view'].includes(thing.kind) ? thing.identity : null;
}

const ACL_KINDS: Partial<Record<Draft['kind'], AclKind>> = {
  sequence: 'S',
  function: 'f',
  aggregate: 'f',
  schema: 'n',
  enum: 'T',
  composite: 'T',
  range: 'T',
  domain: 'T',
};

function grantDraft(
  context: ReadContext,
  acl: AclContext,
  thing: Draft,
  strangers: ReadonlySet<string>,
  columnAcls: ReadonlyMap<string, readonly ColumnAcl[]>,
): Draft {
  const kind = ACL_KINDS[thing.kind] ?? 'r';
  const all = allPrivileges(kind, context.version);
  const on = `ON ${kind === 'r' ? `TABLE ${thing.identity}` : (thing.sqlName ?? '')}`;
  const owner = thing.owner ?? -1;
  const ownerRole = context.roles.get(owner);
  const ownerName = ownerRole?.quoted ?? null;
  const entries = aclEntries(thing.acl ?? [], owner, acl);
  const columns = (columnAcls.get(thing.address ?? '') ?? []).map((row) => ({
    column: row.column,
    entries: aclEntries(row.acl, owner, acl),
  }));

  const named = [...entries, ...columns.flatMap((column) => column.entries)].map((entry) => entry.grantee);
  const roles = new Set(
    [...strangers, ...named].filter((name) => name !== ownerName && !['owner', 'PUBLIC'].includes(name)),
  );
  const full =
    describeAcl(
      entries.filter((entry) => entry.grantee === 'owner'),
      all,
    ) === 'owner: ALL';
  const toOwner = full || ownerName === null || owner < 0 ? [] : [ownerName];
  const granted = full ? entries.filter((entry) => entry.grantee !== 'owner') : entries;
  const nameOf = (grantee: string): string => (grantee === 'owner' ? (ownerName ?? 'CURRENT_USER') : grantee);
  return makeDraft({
    kind: 'grant',
    identity: objectKey(thing),
    schema: thing.schema,
    table: thing.table ?? tableOf(thing),
    definition: [
      ...(entries.some((entry) => entry.grantee === 'owner') || owner < 0 ? [] : ['owner: nothing']),
      describeAcl(entries, all),
      ...columns.map(({ column, entries: own }) => describeAcl(own, []).replaceAll(/^/gm, `${column}: `)),
    ].join('\n'),
    create: [
      `REVOKE ALL ${on} FROM ${['PUBLIC', ...[...roles].toSorted(), ...toOwner].join(', ')}`,
      ...grantStatements(granted, all, (privileges, grantee) => `GRANT ${privileges} ${on} TO ${nameOf(grantee)}`),
      ...columns.flatMap(({ column, entries: own }) =>
        grantStatements(own, [], (privileges, grantee) => {
          const list = privileges.split(', ').map((privilege) => `${privilege} (${column})`);
          return `GRANT ${list.join(', ')} ${on} TO ${nameOf(grantee)}`;
        }),
      ),
    ],
    needs: [objectKey(thing), `owner ${objectKey(thing)}`, ...[...roles].map((role) => `role ${role}`)],
  });
}

import type { AclItem, Role } from './context.ts';

export type AclKind = 'r' | 'S' | 'f' | 'n' | 'T';

export interface AclContext {
  readonly roles: ReadonlyMap<number, Role>;
  readonly isDropped: (role: string) => boolean;
}

interface Entry {
  /** `owner`, `PUBLIC`, or a quoted role name. */
  readonly grantee: string;
  /** Privilege → with grant option. */
  readonly privileges: ReadonlyMap<string, boolean>;
}

/** Every privilege there is for a kind of thing, by server version: MAINTAIN came with 17. */
export function allPrivileges(kind: AclKind, version: number): readonly string[] {
  const table = ['DELETE', 'INSERT', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE'];
  switch (kind) {
    case 'r':
      return version >= 170_000 ? [...table, 'MAINTAIN'] : table;
    case 'S':
      return ['SELECT', 'UPDATE', 'USAGE'];
    case 'f':
      return ['EXECUTE'];
    case 'n':
      return ['CREATE', 'USAGE'];
    case 'T':
      return ['USAGE'];
  }
}

/**
 * Unites the entries of each grantee (who granted is not kept) and drops roles that serve the platform alone. The
 * owner's entry is named `owner`: it follows whoever owns the thing on the other side.
 */
export function aclEntries(items: readonly AclItem[], owner: number, context: AclContext): Entry[] {
  const byGrantee = new Map<string, Map<string, boolean>>();
  for (const [oid, privilege, grantable] of items) {
    const role = context.roles.get(oid);
    if (oid !== 0 && oid !== owner && (role === undefined || context.isDropped(role.name))) continue;
    const grantee = oid === 0 ? 'PUBLIC' : oid === owner ? 'owner' : (role?.quoted ?? '');
    const privileges = byGrantee.get(grantee) ?? new Map<string, boolean>();
    privileges.set(privilege, (privileges.get(privilege) ?? false) || grantable);
    byGrantee.set(grantee, privileges);
  }
  return [...byGrantee]
    .map(([grantee, privileges]) => ({ grantee, privileges }))
    .toSorted((a, b) => (a.grantee < b.grantee ? -1 : 1));
}

/**
 * One line a grantee: `anon: ALL`, `"R 2": INSERT, SELECT*` (`*` = may pass it on). ALL stands for whatever the
 * server has, as in pg_dump: so that a table granted ALL on 15 is granted ALL on 17, MAINTAIN included.
 */
export function describeAcl(entries: readonly Entry[], all: readonly string[]): string {
  return entries.map((entry) => `${entry.grantee}: ${describePrivileges(entry, all)}`).join('\n');
}

function describePrivileges({ privileges }: Entry, all: readonly string[]): string {
  const list = [...privileges].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const passed = list.filter(([, grantable]) => grantable).length;
  if (list.length === all.length && passed === 0) return 'ALL';
  if (list.length === all.length && passed === list.length) return 'ALL*';
  return list.map(([name, grantable]) => (grantable ? `${name}*` : name)).join(', ');
}

/**
 * The GRANTs that give exactly these entries to a thing from which everything was revoked.
 * @param statement `(privileges, grantee) => 'GRANT … ON … TO …'`
 */
export function grantStatements(
  entries: readonly Entry[],
  all: readonly string[],
  statement: (privileges: string, grantee: string) => string,
): string[] {
  return entries.flatMap(({ grantee, privileges }) => {
    const names = [...privileges.keys()].toSorted();
    const grant = (wanted: boolean): string[] => {
      const list = names.filter((name) => privileges.get(name) === wanted);
      const tail = wanted ? ' WITH GRANT OPTION' : '';
      if (list.length === 0) return [];
      if (list.length === all.length) return [`${statement('ALL', grantee)}${tail}`];
      const known = list.filter((name) => name !== 'MAINTAIN');
      return [
        ...(known.length === 0 ? [] : [`${statement(known.join(', '), grantee)}${tail}`]),
        ...(known.length === list.length ? [] : [whereMaintain(`${statement('MAINTAIN', grantee)}${tail}`)]),
      ];
    };
    return [...grant(false), ...grant(true)];
  });
}

/** The target may be 16, which would refuse the word; ALL needs no such care. */
function whereMaintain(statement: string): string {
  const test = "IF current_setting('server_version_num')::int >= 170000 THEN";
  return `DO $maintain$ BEGIN ${test} ${statement}; END IF; END $maintain$`;
}

import { ident } from '../../foundation/postgres/sql.ts';
import type { Command, Fix, FunctionFacts, Grant, RelationFacts } from './model.ts';

type ColumnCommand = Exclude<Command, 'delete'>;

/**
 * Takes some columns out of what `roles` may select, insert or update, and leaves the others. Postgres cannot take a
 * column out of a grant on the whole table, so that grant is replaced by one for each other column.
 */
export function withoutColumns(
  relation: RelationFacts,
  command: ColumnCommand,
  roles: readonly string[],
  columns: readonly string[],
): Fix {
  const table = ident(relation.schema, relation.name);
  const up: string[] = [];
  const down: string[] = [];
  const held = relation.grants.filter(({ privilege }) => privilege === command);
  for (const grant of held.filter(({ grantee, column }) => column === null && reaches(grantee, roles))) {
    up.push(`revoke ${command} on ${table} from ${granteeName(grant)}`);
    down.unshift(`grant ${command} on ${table} to ${granteeName(grant)}${option(grant)}`);
  }
  for (const grant of held.filter(({ grantee, column }) => column !== null && reaches(grantee, roles))) {
    // A revoke for the table takes the grants for its columns along.
    const statement = `grant ${command} (${ident(grant.column ?? '')}) on ${table} to ${granteeName(grant)}${option(grant)}`;
    if (columns.includes(grant.column ?? ''))
      up.push(`revoke ${command} (${ident(grant.column ?? '')}) on ${table} from ${granteeName(grant)}`);
    else if (held.some((whole) => whole.column === null && whole.grantee === grant.grantee)) up.push(statement);
    down.push(statement);
  }
  for (const role of roles) {
    const kept = (relation.privileges[role]?.[command] ?? []).filter((name) => !columns.includes(name));
    if (kept.length === 0 || held.every(({ column }) => column !== null)) continue;
    const list = kept.map((name) => ident(name)).join(', ');
    up.push(`grant ${command} (${list}) on ${table} to ${ident(role)}`);
    down.unshift(`revoke ${command} (${list}) on ${table} from ${ident(role)}`);
  }
  return { up, down, caveat: null };
}

/** Takes whole privileges on a table or view away. */
export function withoutPrivileges(
  relation: RelationFacts,
  roles: readonly string[],
  privileges: readonly string[],
): Fix {
  const table = ident(relation.schema, relation.name);
  const held = relation.grants.filter(
    ({ grantee, privilege, column }) => column === null && privileges.includes(privilege) && reaches(grantee, roles),
  );
  return {
    up: held.map((grant) => `revoke ${grant.privilege} on ${table} from ${granteeName(grant)}`),
    down: held
      .map((grant) => `grant ${grant.privilege} on ${table} to ${granteeName(grant)}${option(grant)}`)
      .toReversed(),
    caveat: null,
  };
}

/** Leaves a function to those who run the application: neither PUBLIC nor `roles` may call it any more. */
export function withoutExecute(definer: FunctionFacts, roles: readonly string[], serviceRole: string | null): Fix {
  const name = functionName(definer);
  const held = definer.grants.filter(({ grantee }) => reaches(grantee, roles));
  const keepsService = serviceRole === null || definer.grants.some(({ grantee }) => grantee === serviceRole);
  // Whoever called it by PUBLIC alone would lose it too.
  const service = keepsService ? [] : [serviceRole].map((role) => ident(role));
  return {
    up: [
      ...service.map((role) => `grant execute on function ${name} to ${role}`),
      ...held.map((grant) => `revoke execute on function ${name} from ${granteeName(grant)}`),
    ],
    down: [
      ...held.map((grant) => `grant execute on function ${name} to ${granteeName(grant)}${option(grant)}`),
      ...service.map((role) => `revoke execute on function ${name} from ${role}`),
    ],
    caveat: null,
  };
}

export function functionName({
  schema,
  name,
  signature,
}: Pick<FunctionFacts, 'schema' | 'name' | 'signature'>): string {
  return `${ident(schema, name)}(${signature})`;
}

export function joined(...fixes: readonly Fix[]): Fix {
  return {
    up: fixes.flatMap(({ up }) => up),
    down: fixes.toReversed().flatMap(({ down }) => down),
    caveat:
      fixes
        .map(({ caveat }) => caveat)
        .filter((text) => text !== null)
        .join(' ') || null,
  };
}

/** Roles take what PUBLIC holds. */
function reaches(grantee: string, roles: readonly string[]): boolean {
  return grantee === 'public' || roles.includes(grantee);
}

/** PUBLIC is a word, not a name. */
function granteeName({ grantee }: Grant): string {
  return grantee === 'public' ? 'public' : ident(grantee);
}

function option({ grantable }: Grant): string {
  return grantable ? ' with grant option' : '';
}

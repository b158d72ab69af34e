import type { Grant, PolicyFacts, RelationFacts } from './model.ts';
import type { SensitiveColumn } from './sensitive.ts';

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

/** The first ones by name, the others by number. */
export function ofColumns(columns: readonly SensitiveColumn[]): string {
  const shown = columns.slice(0, 3).map(({ name }) => name);
  const more = columns.length - shown.length;
  return list(more === 0 ? shown : [...shown, `${more} more sensitive column${more === 1 ? '' : 's'}`]);
}

/** As CREATE POLICY would say it. */
export function describePolicy({ name, command, permissive, roles, using, check }: PolicyFacts): string {
  return [
    `policy "${name}" ${permissive ? '' : 'as restrictive '}for ${command} to ${roles.join(', ')}`,
    using === null ? '' : ` using (${using})`,
    check === null ? '' : ` with check (${check})`,
  ].join('');
}

/** What the roles hold, by grantee. */
export function describeGrants(
  { grants }: Pick<RelationFacts, 'grants'>,
  roles: readonly string[],
  only?: string,
): string[] {
  const mine = grants.filter(
    ({ grantee, privilege }) =>
      (grantee === 'public' || roles.includes(grantee)) && (only === undefined || privilege === only),
  );
  const byGrantee = groupBy(mine);
  return [...byGrantee].map(
    ([grantee, held]) => `granted to ${grantee}: ${[...new Set(held.map(inWords))].join(', ')}`,
  );
}

function inWords({ privilege, column }: Grant): string {
  return column === null ? privilege : `${privilege} (${column})`;
}

function groupBy(grants: readonly Grant[]): Map<string, Grant[]> {
  const groups = new Map<string, Grant[]>();
  for (const grant of grants) groups.set(grant.grantee, [...(groups.get(grant.grantee) ?? []), grant]);
  return groups;
}

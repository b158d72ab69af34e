import type { Verdicts } from './evaluate.ts';
import {
  COMMANDS,
  type Access,
  type AuditFacts,
  type Command,
  type PolicyFacts,
  type Reach,
  type RelationFacts,
} from './model.ts';

const ORDER: readonly Reach[] = ['none', 'own', 'some', 'all'];

/** How far each role gets in a table, by command: grants and row policies together. */
export function accessTo(relation: RelationFacts, facts: AuditFacts, verdicts: Verdicts): Access[] {
  return facts.roles.flatMap((role) =>
    COMMANDS.map((command) => {
      if (!granted(relation, role, command)) return { role, command, reach: 'none', policies: [] };
      if (!relation.rowSecurity) return { role, command, reach: 'all', policies: [] };
      return byPolicies(relation, role, command, facts.policies, verdicts);
    }),
  );
}

export function granted({ privileges }: RelationFacts, role: string, command: Command): boolean {
  const own = privileges[role];
  if (own === undefined) return false;
  return command === 'delete' ? own.delete : own[command].length > 0;
}

/** The widest permissive policy counts, but no further than every restrictive one lets through. */
function byPolicies(
  { oid }: RelationFacts,
  role: string,
  command: Command,
  all: readonly PolicyFacts[],
  verdicts: Verdicts,
): Access {
  const mine = all
    .filter(
      ({ table, roles, command: of }) => table === oid && appliesTo(roles, role) && (of === 'all' || of === command),
    )
    .map((policy) => ({ policy, reach: reachOf(policy, role, command, verdicts) }));
  const permissive = mine.filter(({ policy }) => policy.permissive);
  const widest = permissive.reduce<Reach>((most, { reach }) => wider(most, reach), 'none');
  const cap = mine
    .filter(({ policy }) => !policy.permissive)
    .reduce<Reach>((most, { reach }) => (ORDER.indexOf(reach) < ORDER.indexOf(most) ? reach : most), 'all');
  const reach = ORDER.indexOf(cap) < ORDER.indexOf(widest) ? cap : widest;
  const policies = permissive.filter((each) => each.reach === widest).map(({ policy }) => policy);
  return { role, command, reach, policies: reach === 'none' ? [] : policies };
}

function appliesTo(roles: readonly string[], role: string): boolean {
  return roles.includes('public') || roles.includes(role);
}

/** New rows are held against WITH CHECK, existing ones against USING; an update against both. */
export function reachOf({ using, check }: PolicyFacts, role: string, command: Command, verdicts: Verdicts): Reach {
  const verdict = (condition: string | null): Reach =>
    condition === null ? 'all' : (verdicts.get(role)?.get(condition) ?? 'none');
  if (command === 'insert') return verdict(check ?? using);
  const rows = verdict(using);
  return command === 'update' && verdict(check) === 'none' ? 'none' : rows;
}

export function wider(a: Reach, b: Reach): Reach {
  return ORDER.indexOf(a) < ORDER.indexOf(b) ? b : a;
}

import { ident } from '../../foundation/postgres/sql.ts';
import type { AuditFacts, Fix, PolicyFacts, RelationFacts } from './model.ts';
import { reachOf } from './access.ts';
import type { Verdicts } from './evaluate.ts';

/**
 * Hands policies that let everybody write to the service role, which passes row security anyway: the policy stays, with
 * its text, and opens nothing. Where one of them was also what lets the table be read, reading goes on by a policy of
 * its own.
 */
export function closeWriting(
  relation: RelationFacts,
  open: readonly PolicyFacts[],
  facts: AuditFacts,
  verdicts: Verdicts,
): Fix {
  const table = ident(relation.schema, relation.name);
  const to = ident(facts.serviceRole ?? relation.owner);
  const up: string[] = [];
  const down: string[] = [];
  for (const policy of open) {
    const name = ident(policy.name);
    up.push(`alter policy ${name} on ${table} to ${to}`);
    down.unshift(`alter policy ${name} on ${table} to ${roleList(policy)}`);
  }
  const reading = readingLost(relation, open, facts, verdicts);
  if (reading) {
    const name = ident(readingName(reading.name));
    up.push(`create policy ${name} on ${table} for select to ${roleList(reading)} using (${reading.using ?? 'true'})`);
    down.unshift(`drop policy ${name} on ${table}`);
  }
  return { up, down, caveat: null };
}

/** Row security on, with what the table is evidently for still possible: adding rows, where that was granted. */
export function enableRowSecurity(relation: RelationFacts, writers: readonly string[]): Fix {
  const table = ident(relation.schema, relation.name);
  const name = ident(`${relation.name}_insert`.slice(-63));
  const roles = writers.map((role) => ident(role)).join(', ');
  const insert =
    writers.length > 0 ? [`create policy ${name} on ${table} for insert to ${roles} with check (true)`] : [];
  return {
    up: [`alter table ${table} enable row level security`, ...insert],
    down: [
      ...(insert.length > 0 ? [`drop policy ${name} on ${table}`] : []),
      `alter table ${table} disable row level security`,
    ],
    caveat: null,
  };
}

/** The policy for all commands whose closing would leave the readers with less, if there is one. */
function readingLost(
  relation: RelationFacts,
  closed: readonly PolicyFacts[],
  facts: AuditFacts,
  verdicts: Verdicts,
): PolicyFacts | undefined {
  const opensReading = (policy: PolicyFacts): boolean =>
    (policy.command === 'all' || policy.command === 'select') &&
    facts.roles.some((role) => reachOf(policy, role, 'select', verdicts) === 'all');
  const kept = facts.policies.filter(
    (policy) => policy.table === relation.oid && policy.permissive && !closed.includes(policy) && opensReading(policy),
  );
  const keptRoles = new Set(kept.flatMap(({ roles }) => roles));
  return closed.find(
    (policy) =>
      opensReading(policy) &&
      !keptRoles.has('public') &&
      (policy.roles.includes('public') ? facts.roles : policy.roles).some((role) => !keptRoles.has(role)),
  );
}

/** At most 63 bytes, as far as anybody names policies in ASCII. */
function readingName(name: string): string {
  const end = ' (reading)';
  return (
    Buffer.from(name)
      .subarray(0, 63 - end.length)
      .toString('utf8')
      .replace(/\uFFFD+$/, '') + end
  );
}

function roleList({ roles }: PolicyFacts): string {
  return roles.map((role) => (role === 'public' ? 'public' : ident(role))).join(', ');
}

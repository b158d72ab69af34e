import { reachOf } from './access.ts';
import { describeGrants, describePolicy, list } from './describe.ts';
import type { Verdicts } from './evaluate.ts';
import { ANONYMOUS, commandsOf, finding, policiesOf, rolesOf } from './finding.ts';
import { closeWriting } from './fix-policies.ts';
import type { Access, AuditFacts, Finding, PolicyFacts, RelationFacts } from './model.ts';
import type { SensitiveColumn } from './sensitive.ts';

interface Table {
  readonly relation: RelationFacts;
  readonly access: readonly Access[];
  readonly sensitive: readonly SensitiveColumn[];
  readonly facts: AuditFacts;
  readonly verdicts: Verdicts;
}

/** Rows that everybody may change, and what is left of those that anonymous visitors may add. */
export function writeFindings(table: Table): Finding[] {
  const changing = table.access.filter(
    ({ command, reach }) => reach === 'all' && (command === 'update' || command === 'delete'),
  );
  const adding = table.access.filter(isAnonymousInsert);
  const closed =
    changing.length === 0 ? [] : [...new Set([...policiesOf(changing), ...closableInserts(table, adding)])];
  const left = policiesOf(adding).filter((policy) => !closed.includes(policy));
  return [
    ...(changing.length === 0 ? [] : [changeFinding(table, changing, adding, closed)]),
    ...(left.length === 0 ? [] : [insertFinding(table, adding, left)]),
  ];
}

/** Everybody may change or delete, and perhaps add. */
function changeFinding(
  { relation, sensitive, facts, verdicts }: Table,
  changing: readonly Access[],
  adding: readonly Access[],
  closed: readonly PolicyFacts[],
): Finding {
  const roles = rolesOf(changing);
  return finding(relation, {
    kind: 'write',
    severity: sensitive.some(({ holds }) => holds === 'credential') ? 'critical' : 'high',
    roles,
    columns: sensitive,
    summary: `${list(roles)} may ${list(commandsOf([...adding, ...changing]))} every row`,
    evidence: [...policiesOf([...changing, ...adding]).map(describePolicy), ...describeGrants(relation, roles)],
    fix: { ...closeWriting(relation, closed, facts, verdicts), caveat: closingCaveat(relation, closed, facts) },
  });
}

/**
 * Anonymous visitors may add any row. For forms that is the purpose; what has payments or keys in it can be forged. That
 * signed-in users may add rows is what most tables are for.
 */
function insertFinding(
  { relation, sensitive, facts, verdicts }: Table,
  open: readonly Access[],
  left: readonly PolicyFacts[],
): Finding {
  return finding(relation, {
    kind: 'insert',
    severity: isForgeable(sensitive, relation.columns) ? 'high' : 'medium',
    roles: rolesOf(open),
    columns: [],
    summary: `${list(rolesOf(open))} may insert any row`,
    evidence: [...left.map(describePolicy), ...describeGrants(relation, rolesOf(open), 'insert')],
    fix: { ...closeWriting(relation, left, facts, verdicts), caveat: closingCaveat(relation, left, facts) },
  });
}

function isAnonymousInsert({ role, command, reach }: Access): boolean {
  return role === ANONYMOUS && command === 'insert' && reach === 'all';
}

/** Insert policies that can go without taking a form away: what is added could be forged, or a narrower policy remains. */
function closableInserts(
  { relation: { oid, columns }, sensitive, facts, verdicts }: Table,
  adding: readonly Access[],
): PolicyFacts[] {
  const open = policiesOf(adding);
  const narrower = facts.policies.some(
    (policy) =>
      policy.table === oid &&
      policy.permissive &&
      policy.command === 'insert' &&
      !open.includes(policy) &&
      !isClosed(policy.roles, facts) &&
      reachOf(policy, ANONYMOUS, 'insert', verdicts) !== 'all',
  );
  return narrower || isForgeable(sensitive, columns) ? open : [];
}

/** Payment accounts and keys that whoever adds the row makes up; one with a default is made by the database. */
function isForgeable(sensitive: readonly SensitiveColumn[], columns: RelationFacts['columns']): boolean {
  return sensitive.some(
    ({ name, holds }) => holds !== 'personal' && columns.some((column) => column.name === name && !column.hasDefault),
  );
}

function closingCaveat(relation: RelationFacts, closed: readonly PolicyFacts[], facts: AuditFacts): string {
  const kept = facts.policies.filter(
    ({ table, command, permissive, roles }) =>
      table === relation.oid && permissive && command !== 'select' && !isClosed(roles, facts),
  );
  const left = kept.filter((policy) => !closed.includes(policy)).map(({ name }) => `"${name}"`);
  const still = left.length === 0 ? 'No other policy lets anyone write' : `Still in force: ${left.join(', ')}`;
  return `${still}. What writes with the anon key, such as a bot, has to use the service key.`;
}

function isClosed(roles: readonly string[], { serviceRole }: AuditFacts): boolean {
  return roles.every((role) => role === serviceRole);
}

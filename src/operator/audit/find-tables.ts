import { accessTo } from './access.ts';
import { describeGrants, describePolicy, list, ofColumns } from './describe.ts';
import { writeFindings } from './find-writes.ts';
import { ANONYMOUS, commandsOf, finding, policiesOf, rank, rolesOf } from './finding.ts';
import { enableRowSecurity } from './fix-policies.ts';
import { withoutColumns } from './fix-grants.ts';
import type { Access, AuditFacts, Finding, PolicyFacts, RelationFacts, Severity } from './model.ts';
import { matchesColumn, sensitiveColumns, type Patterns, type SensitiveColumn } from './sensitive.ts';
import type { Verdicts } from './evaluate.ts';

export interface Rules extends Patterns {
  /** Columns that only the application should set: balances, credits, roles. */
  readonly earned: readonly string[];
}

/** What is wrong with one table, each kind at most once. */
export function tableFindings(relation: RelationFacts, facts: AuditFacts, verdicts: Verdicts, rules: Rules): Finding[] {
  if (relation.kind !== 'table') return [];
  const sensitive = sensitiveColumns(relation.name, relation.columns, rules);
  const off = relation.rowSecurity
    ? undefined
    : unguarded(relation, accessTo(relation, facts, verdicts), sensitive, facts);
  const policies = facts.policies.some(({ table }) => table === relation.oid);
  // Policies that sleep come into force with row security: what they would leave open is told at once.
  const guarded = { ...relation, rowSecurity: true };
  const access = relation.rowSecurity || (off && policies) ? accessTo(guarded, facts, verdicts) : [];
  const found = [
    off,
    readFinding(relation, access, sensitive),
    ...writeFindings({ relation, access, sensitive, facts, verdicts }),
    earnedFinding(relation, access, rules),
  ].filter((each) => each !== undefined);
  return [...found, ...published(relation, found)];
}

function unguarded(
  relation: RelationFacts,
  access: readonly Access[],
  sensitive: readonly SensitiveColumn[],
  { policies }: AuditFacts,
): Finding | undefined {
  const roles = rolesOf(access);
  if (roles.length === 0) return undefined;
  const asleep = policies.filter(({ table }) => table === relation.oid);
  const writers = asleep.some(({ command }) => command === 'insert' || command === 'all')
    ? []
    : rolesOf(access.filter(({ command }) => command === 'insert'));
  return finding(relation, {
    kind: 'no row security',
    severity: sensitive.some(({ holds }) => holds === 'credential') ? 'critical' : 'high',
    roles,
    columns: sensitive,
    summary: `${list(roles)} may ${list(commandsOf(access))} every row: row security is off`,
    evidence: ['row level security is disabled', ...describeGrants(relation, roles)],
    fix: {
      ...enableRowSecurity(relation, writers),
      caveat: sleepersCaveat(asleep, writers),
    },
  });
}

function sleepersCaveat(asleep: readonly PolicyFacts[], writers: readonly string[]): string {
  if (asleep.length > 0)
    return `Policies that are there already come into force: ${asleep.map(({ name }) => `"${name}"`).join(', ')}.`;
  return writers.length > 0
    ? 'Rows can still be added; reading, changing and deleting them is left to the service role. Pages that do so with the anon key need a policy of their own.'
    : 'Only the service role reads it then.';
}

const READ_SEVERITY = { credential: 'critical', payment: 'high', personal: 'medium' } as const;

/** Rows that anyone may see, with columns that they should not. A table without such columns may well be meant to be read. */
function readFinding(
  relation: RelationFacts,
  access: readonly Access[],
  sensitive: readonly SensitiveColumn[],
): Finding | undefined {
  const readers = access.filter(({ command, reach }) => command === 'select' && (reach === 'all' || reach === 'some'));
  const roles = rolesOf(readers);
  const columns = sensitive.filter(({ name }) =>
    roles.some((role) => relation.privileges[role]?.select.includes(name)),
  );
  const [worst] = columns.toSorted((a, b) => rank(READ_SEVERITY[a.holds]) - rank(READ_SEVERITY[b.holds]));
  if (worst === undefined) return undefined;
  const every = readers.some(({ reach }) => reach === 'all');
  return finding(relation, {
    kind: 'read',
    severity: every ? READ_SEVERITY[worst.holds] : oneLess(READ_SEVERITY[worst.holds]),
    roles,
    columns,
    summary: `${list(roles)} may read ${ofColumns(columns)} of ${every ? 'every row' : 'rows that a condition picks'}`,
    evidence: [...policiesOf(readers).map(describePolicy), ...describeGrants(relation, roles, 'select')],
    fix: {
      ...withoutColumns(
        relation,
        'select',
        roles,
        columns.map(({ name }) => name),
      ),
      caveat: `Rows and other columns stay readable. Queries as ${list(roles)} that ask for * or for ${columns.length === 1 ? 'this column' : 'these columns'} are refused then: name the columns, and let the service role read ${columns.length === 1 ? 'it' : 'them'}.`,
    },
  });
}

/** Own rows may be changed, and in them what only the application should set. */
function earnedFinding(relation: RelationFacts, access: readonly Access[], { earned }: Rules): Finding | undefined {
  const writers = access.filter(({ command, reach }) => command === 'update' && reach === 'own');
  const roles = rolesOf(writers).filter((role) => role !== ANONYMOUS);
  const matching = relation.columns.filter(({ name }) =>
    earned.some((pattern) => matchesColumn(pattern, relation.name, name)),
  );
  const names = matching
    .map(({ name }) => name)
    .filter((name) => roles.some((role) => relation.privileges[role]?.update.includes(name)));
  if (names.length === 0) return undefined;
  return finding(relation, {
    kind: 'own row',
    severity: 'medium',
    roles,
    columns: [],
    summary: `${list(roles)} may set ${list(names)} in rows of their own`,
    evidence: policiesOf(writers).map(describePolicy),
    fix: {
      ...withoutColumns(relation, 'update', roles, names),
      caveat: `Updates that name ${names.length === 1 ? 'this column' : 'one of these columns'} are refused then; the service role goes on setting ${names.length === 1 ? 'it' : 'them'}.`,
    },
  });
}

/** Change streams carry what may be read: closed together with the reading. */
function published({ schema, name, published: by }: RelationFacts, found: readonly Finding[]): Finding[] {
  const reading = found.find(({ kind }) => kind === 'read' || kind === 'no row security');
  if (by.length === 0 || reading === undefined) return [];
  return [
    {
      ...reading,
      id: `published:${schema}.${name}`,
      kind: 'published',
      severity: 'medium',
      summary: `changes are streamed to ${list(reading.roles)} by ${list(by)}`,
      evidence: by.map((publication) => `publication ${publication} publishes ${schema}.${name}`),
      fix: { up: [], down: [], caveat: `Closed by the fix of ${reading.id}.` },
    },
  ];
}

function oneLess(severity: 'critical' | 'high' | 'medium'): Severity {
  return ({ critical: 'high', high: 'medium', medium: 'low' } as const)[severity];
}

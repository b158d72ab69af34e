import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { evaluateConditions } from './evaluate.ts';
import { readAuditFacts } from './facts.ts';
import { functionFindings } from './find-functions.ts';
import { tableFindings, type Rules } from './find-tables.ts';
import { rank } from './finding.ts';
import { viewFinding } from './find-views.ts';
import { SEVERITIES, type AuditReport, type Finding, type Severity } from './model.ts';
import { proveFinding } from './prove.ts';
import { glob } from './sensitive.ts';

export interface AuditInput {
  readonly target: DatabaseAddress;
  /** Schemas that the API serves. */
  readonly schemas: readonly string[];
  /** Roles of strangers: anon, authenticated. */
  readonly roles: readonly string[];
  readonly rules: Rules;
  /** Ids of findings, with `*`, that the owner knows and means. */
  readonly accepted: readonly string[];
  readonly prove: boolean;
}

/** What strangers can reach in a database, the gravest first. Changes nothing, also when it proves by doing. */
export async function auditPolicies(input: AuditInput): Promise<AuditReport> {
  return withSession(input.target, async (session) => auditIn(session, input));
}

export async function auditIn(session: Session, input: AuditInput): Promise<AuditReport> {
  const facts = await readAuditFacts(session, input.schemas, input.roles);
  const verdicts = await evaluateConditions(session, facts);
  const all = [
    ...facts.relations.flatMap((relation) => tableFindings(relation, facts, verdicts, input.rules)),
    ...facts.relations.flatMap((relation) => viewFinding(relation, facts, verdicts, input.rules) ?? []),
    ...functionFindings(facts, input.rules),
  ].toSorted((a, b) => rank(a.severity) - rank(b.severity));
  const isAccepted = ({ id }: Finding): boolean => input.accepted.some((pattern) => glob(pattern).test(id));
  const findings: Finding[] = [];
  for (const finding of all.filter((each) => !isAccepted(each))) {
    findings.push(input.prove ? await proveFinding(session, finding, facts, verdicts) : finding);
  }
  return {
    version: 1,
    database: input.target.database,
    roles: facts.roles,
    looked: {
      relations: facts.relations.length,
      policies: facts.policies.length,
      functions: facts.functions.length,
    },
    counts: countBySeverity(findings),
    findings,
    accepted: all.filter(isAccepted).map(({ id }) => id),
    proved: input.prove,
  };
}

export async function withSession<T>(target: DatabaseAddress, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(target, {
    applicationName: 'vectabase audit',
    // Expressions are printed with the schema of every name that is not on the path.
    settings: { search_path: 'pg_catalog' },
  });
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

function countBySeverity(findings: readonly Finding[]): Record<Severity, number> {
  const counts = { critical: 0, high: 0, medium: 0, low: 0 };
  for (const severity of SEVERITIES) counts[severity] = findings.filter((each) => each.severity === severity).length;
  return counts;
}

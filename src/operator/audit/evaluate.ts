import { isConnectionLost } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import type { AuditFacts, Reach } from './model.ts';

/** What a condition of a policy means for a role, by role and by the text of the condition. */
export type Verdicts = ReadonlyMap<string, ReadonlyMap<string, Reach>>;

/** A user whom no row belongs to. */
export const STRANGER = '00000000-0000-4000-8000-000000000000';

/**
 * Asks Postgres itself: each condition is evaluated as the role, with the claims of a token of it. One that names no
 * column of the table has a value there, whatever tricks it is built from (`auth.role() = 'anon'`, `1 = 1`,
 * `auth.uid() is not null`); one that does fails for lack of the column, and is told apart by whether it asks who the
 * user is. Nothing can be changed: the transaction is read-only and rolled back.
 */
export async function evaluateConditions(session: Session, facts: AuditFacts): Promise<Verdicts> {
  const conditions = new Set(
    facts.policies.flatMap(({ using, check }) => [using, check]).filter((text): text is string => text !== null),
  );
  const verdicts = new Map<string, Map<string, Reach>>();
  for (const role of facts.roles) {
    const found = new Map<string, Reach>();
    await asRole(session, role, async () => {
      for (const condition of conditions) found.set(condition, await evaluate(session, condition));
    });
    verdicts.set(role, found);
  }
  const always = await alwaysTrue(session, facts, verdicts);
  for (const found of verdicts.values()) for (const condition of always) found.set(condition, 'all');
  return verdicts;
}

/**
 * Conditions that name columns and are true all the same, such as `auth.uid() = owner or true`: the planner folds them
 * away, and a plan with nothing to check is left.
 */
async function alwaysTrue(
  session: Session,
  { policies, relations }: AuditFacts,
  verdicts: Verdicts,
): Promise<ReadonlySet<string>> {
  const byRow = new Set(
    [...verdicts.values()].flatMap((found) =>
      [...found].filter(([, reach]) => reach === 'own' || reach === 'some').map(([text]) => text),
    ),
  );
  const [folded, kept] = [new Set<string>(), new Set<string>()];
  await inReadOnly(session, async () => {
    for (const { table, using, check } of policies) {
      const relation = relations.find(({ oid }) => oid === table);
      for (const condition of [using, check]) {
        if (condition === null || !relation || !byRow.has(condition)) continue;
        ((await isFolded(session, ident(relation.schema, relation.name), condition)) ? folded : kept).add(condition);
      }
    }
  });
  return new Set([...folded].filter((condition) => !kept.has(condition)));
}

async function isFolded(session: Session, table: string, condition: string): Promise<boolean> {
  let checks = true;
  await attempt(session, async () => {
    const [row] = await session.rows<{ 'QUERY PLAN': unknown }>(
      `explain (format json) select from ${table} where (${condition})`,
    );
    checks = /"[A-Za-z -]*(Filter|Cond)":/.test(JSON.stringify(row));
  });
  return !checks;
}

async function inReadOnly(session: Session, body: () => Promise<void>): Promise<void> {
  await session.script('begin transaction read only');
  try {
    await body();
  } finally {
    await session.script('rollback');
  }
}

/** Runs `body` as a client with a token of `role` would, in a transaction that is rolled back. */
export async function asRole(
  session: Session,
  role: string,
  body: () => Promise<void>,
  mode: 'read only' | 'read write' = 'read only',
): Promise<void> {
  const claims = { role, aud: role, ...(role === 'anon' ? {} : { sub: STRANGER }) };
  await session.script(`begin transaction ${mode}`);
  try {
    // Probes of writes must set off nothing; only a superuser may switch triggers off, others go without.
    if (mode === 'read write')
      await attempt(session, () => session.script('set local session_replication_role = replica'));
    await session.script("set local statement_timeout = '5s'; set local lock_timeout = '500ms'");
    await session.rows(
      `select set_config('request.jwt.claims', $1, true), set_config('request.jwt.claim.role', $2, true),
         set_config('request.jwt.claim.sub', $3, true), set_config('search_path', 'public, extensions', true)`,
      [JSON.stringify(claims), role, role === 'anon' ? '' : STRANGER],
    );
    await session.script(`set local role ${ident(role)}`);
    await body();
  } finally {
    await session.script('rollback');
  }
}

/** A statement that may fail without ending the transaction; what it threw, or undefined. */
export async function attempt(session: Session, work: () => Promise<unknown>): Promise<unknown> {
  await session.script('savepoint attempt');
  try {
    await work();
    await session.script('release savepoint attempt');
    return undefined;
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    await session.script('rollback to savepoint attempt; release savepoint attempt');
    return error;
  }
}

async function evaluate(session: Session, condition: string): Promise<Reach> {
  let value: boolean | null | undefined;
  const failed = await attempt(session, async () => {
    const [row] = await session.rows<{ value: boolean | null }>(`select (${condition})::boolean as value`);
    value = row?.value;
  });
  if (failed === undefined) return value === true ? 'all' : 'none';
  const code = (failed as { code?: string }).code;
  // undefined_column, undefined_table (missing FROM entry), ambiguous_column: it is about a row.
  if (code === '42703' || code === '42P01' || code === '42702') return asksWho(condition) ? 'own' : 'some';
  // The condition itself fails for this role, and with it every query of the table.
  return 'none';
}

function asksWho(condition: string): boolean {
  return /\bauth\.|\brequest\.jwt|current_user|session_user|current_role|\bis_admin\b/i.test(condition);
}

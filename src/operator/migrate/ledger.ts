import { literal } from '../../foundation/postgres/sql.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { MigrateChoices } from './options.ts';
import type { MigrationPlan } from './plan/model.ts';

/**
 * The memory of a migration, kept in the target database beside the rows it speaks of.
 *
 * A step is done if and only if its line is here: both are written in one transaction, the line first. So the ledger
 * and the data cannot disagree at any kill point, and two processes that try the same step (a zombie behind a cut link
 * and its successor) meet at the line's primary key: the second waits for the first and then finds the step done.
 *
 *   no schema ──begin──▶ running ──finish──▶ finished
 *                           │  ▲
 *                         kill └─resume (next attempt)
 *                           │
 *                           └──abort──▶ aborting ──▶ no schema
 */
export const LEDGER_SCHEMA = 'vectabase_migration';

const CREATE_LEDGER = `
create schema ${LEDGER_SCHEMA};
revoke all on schema ${LEDGER_SCHEMA} from public;
create table ${LEDGER_SCHEMA}.run (
  run_id uuid primary key,
  state text not null check (state in ('running', 'finished', 'aborting')),
  source_identity text not null,
  choices json not null,
  plan json not null,
  report json,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
create table ${LEDGER_SCHEMA}.attempt (
  run_id uuid not null references ${LEDGER_SCHEMA}.run,
  attempt int not null,
  snapshot_lsn text not null,
  snapshot_at timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  outcome text,
  primary key (run_id, attempt)
);
create table ${LEDGER_SCHEMA}.step (
  run_id uuid not null references ${LEDGER_SCHEMA}.run,
  step_id text not null,
  attempt int not null,
  rows bigint not null default 0,
  bytes bigint not null default 0,
  ms bigint not null default 0,
  detail json,
  finished_at timestamptz not null default clock_timestamp(),
  primary key (run_id, step_id)
);`;

export type RunState = 'running' | 'finished' | 'aborting';

export interface LedgerRun {
  readonly runId: string;
  readonly state: RunState;
  readonly sourceIdentity: string;
  readonly choices: MigrateChoices;
  readonly plan: MigrationPlan;
  readonly report: unknown;
  readonly startedAt: string;
  readonly finishedAt: string | null;
}

export interface LedgerAttempt {
  readonly attempt: number;
  readonly snapshotLsn: string;
  readonly snapshotAt: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: string | null;
}

export interface StepResult {
  readonly rows?: number;
  readonly bytes?: number;
  readonly detail?: unknown;
}

export interface LedgerStep {
  readonly stepId: string;
  readonly attempt: number;
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
  readonly detail: unknown;
}

/** The run in this target, or null where none was begun. */
export async function readRun(session: Session): Promise<LedgerRun | null> {
  const [schema] = await session.rows(`select 1 from pg_namespace where nspname = $1`, [LEDGER_SCHEMA]);
  if (!schema) return null;
  const [run] = await session.rows<Record<string, string> & { choices: MigrateChoices; plan: MigrationPlan }>(
    `select run_id, state, source_identity, choices, plan, report, started_at, finished_at from ${LEDGER_SCHEMA}.run`,
  );
  if (!run) return null;
  return {
    runId: String(run['run_id']),
    state: run['state'] as RunState,
    sourceIdentity: String(run['source_identity']),
    choices: run.choices,
    plan: run.plan,
    report: run['report'] ?? null,
    startedAt: String(run['started_at']),
    finishedAt: run['finished_at'] ?? null,
  };
}

/** Writes the ledger and the run in one transaction: before it there is nothing to clean up, after it all can resume. */
export async function beginRun(
  session: Session,
  run: Pick<LedgerRun, 'runId' | 'sourceIdentity' | 'choices' | 'plan'>,
): Promise<void> {
  await inTransaction(session, async () => {
    await session.script(`set local synchronous_commit = on; ${CREATE_LEDGER}`);
    await session.rows(
      `insert into ${LEDGER_SCHEMA}.run (run_id, state, source_identity, choices, plan) values ($1, 'running', $2, $3, $4)`,
      [run.runId, run.sourceIdentity, JSON.stringify(run.choices), JSON.stringify(run.plan)],
    );
  });
}

/** Notes under which snapshot the steps that follow are done; answers the attempt's number, 1 for the first. */
export async function beginAttempt(
  session: Session,
  runId: string,
  snapshot: { lsn: string; at: string },
): Promise<number> {
  const [row] = await session.rows<{ attempt: number }>(
    `insert into ${LEDGER_SCHEMA}.attempt (run_id, attempt, snapshot_lsn, snapshot_at)
     select $1, coalesce(max(attempt), 0) + 1, $2, $3 from ${LEDGER_SCHEMA}.attempt where run_id = $1 returning attempt`,
    [runId, snapshot.lsn, snapshot.at],
  );
  if (!row) throw new Error('attempt not recorded');
  return row.attempt;
}

export async function endAttempt(session: Session, runId: string, attempt: number, outcome: string): Promise<void> {
  await session.rows(
    `update ${LEDGER_SCHEMA}.attempt set ended_at = clock_timestamp(), outcome = $3 where run_id = $1 and attempt = $2`,
    [runId, attempt, outcome],
  );
}

/** Ends the run. This one commit waits for the disk, and with it every commit before it. */
export async function finishRun(session: Session, runId: string, report: unknown): Promise<void> {
  await inTransaction(session, async () => {
    await session.script('set local synchronous_commit = on');
    await session.rows(
      `update ${LEDGER_SCHEMA}.run set state = 'finished', finished_at = clock_timestamp(), report = $2 where run_id = $1`,
      [runId, JSON.stringify(report)],
    );
  });
}

export async function readSteps(session: Session, runId: string): Promise<Map<string, LedgerStep>> {
  const rows = await session.rows<Record<string, string> & { attempt: number; detail: unknown }>(
    `select step_id, attempt, rows, bytes, ms, detail from ${LEDGER_SCHEMA}.step where run_id = $1`,
    [runId],
  );
  return new Map(
    rows.map((row) => [
      String(row['step_id']),
      {
        stepId: String(row['step_id']),
        attempt: row.attempt,
        rows: Number(row['rows']),
        bytes: Number(row['bytes']),
        ms: Number(row['ms']),
        detail: row.detail ?? null,
      },
    ]),
  );
}

export async function readAttempts(session: Session, runId: string): Promise<LedgerAttempt[]> {
  const rows = await session.rows<Record<string, string> & { attempt: number }>(
    `select attempt, snapshot_lsn, snapshot_at, started_at, ended_at, outcome from ${LEDGER_SCHEMA}.attempt where run_id = $1 order by attempt`,
    [runId],
  );
  return rows.map((row) => ({
    attempt: row.attempt,
    snapshotLsn: String(row['snapshot_lsn']),
    snapshotAt: String(row['snapshot_at']),
    startedAt: String(row['started_at']),
    endedAt: row['ended_at'] ?? null,
    outcome: row['outcome'] ?? null,
  }));
}

/**
 * Does a step's work and its ledger line in one transaction.
 *
 * @returns `'already done'` when the line was there: an earlier COMMIT whose answer got lost.
 */
export async function recordStep(
  session: Session,
  key: { runId: string; attempt: number; stepId: string },
  work: () => Promise<StepResult>,
): Promise<StepResult | 'already done'> {
  const started = Date.now();
  const line = `run_id = ${literal(key.runId)} and step_id = ${literal(key.stepId)}`;
  // Begin and first line, last line and commit: one round trip each, as a small step is over sooner than four of them.
  const begin = `begin; insert into ${LEDGER_SCHEMA}.step (run_id, step_id, attempt) values (${literal(key.runId)}, ${literal(key.stepId)}, ${key.attempt})`;
  try {
    await session.script(begin);
    const result = await work();
    const { rows = 0, bytes = 0, detail = null } = result;
    await session.script(
      `update ${LEDGER_SCHEMA}.step set rows = ${rows}, bytes = ${bytes}, ms = ${Date.now() - started},
         detail = ${literal(JSON.stringify(detail))}, finished_at = clock_timestamp() where ${line}; commit`,
    );
    return result;
  } catch (error) {
    await session.script('rollback').catch(() => undefined);
    if (isSqlState(error, '23505') && (error as { table?: string; schema?: string }).schema === LEDGER_SCHEMA)
      return 'already done';
    throw error;
  }
}

/** Takes lines back, inside the caller's transaction that undoes their work. */
export async function forgetSteps(session: Session, runId: string, stepIds: readonly string[]): Promise<void> {
  await session.rows(
    `delete from ${LEDGER_SCHEMA}.step where run_id = $1 and step_id = any (select json_array_elements_text($2::json))`,
    [runId, JSON.stringify(stepIds)],
  );
}

/** Verifications that found a difference count as not done, so that a resumed run looks again. */
export async function forgetFailedVerifications(session: Session, runId: string): Promise<void> {
  await session.rows(`delete from ${LEDGER_SCHEMA}.step where run_id = $1 and detail ->> 'equal' = 'false'`, [runId]);
}

/** Any number that no other program uses: "vectabas" read as eight ASCII bytes, the length of an advisory lock's key. */
const LOCK_KEY = "x'7665637461626173'::bit(64)::bigint";

/**
 * One migrator per target, by a session lock that dies with its connection. Waits `patienceMs` for a predecessor whose
 * connection the server has not yet seen die, then ends what else is left of one.
 */
export async function lockTarget(session: Session, patienceMs = 5000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const [row] = await session.rows<{ held: boolean }>(`select pg_try_advisory_lock(${LOCK_KEY}) as held`);
    if (row?.held) return endPredecessors(session);
    if (Date.now() > deadline) throw await lockHeld(session);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/**
 * A predecessor behind a cut link may have left transactions open that nobody will end, with the ledger lines that we are
 * about to write. Whoever holds the lock is the only one entitled to write: all others are ended, and roll back.
 */
async function endPredecessors(session: Session): Promise<void> {
  await session.rows(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity
     where application_name = current_setting('application_name') and datname = current_database()
       and backend_xid is not null and pid <> pg_backend_pid()`,
  );
}

async function lockHeld(session: Session): Promise<VectabaseError> {
  const [holder] = await session.rows<Record<string, string>>(
    `select a.pid, a.usename, coalesce(host(a.client_addr), 'local socket') as client, a.backend_start
     from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and ((l.classid::bigint << 32) | l.objid::bigint) = ${LOCK_KEY}`,
  );
  const who = holder
    ? `server process ${holder['pid']} of ${holder['usename']} (${holder['client']}) since ${holder['backend_start']}`
    : 'another process';
  return new VectabaseError('LOCK_HELD', {
    message: `another migration works on this target: ${who}`,
    hint: 'Wait for it, or stop that `vectabase migrate` and run `vectabase migrate --resume`.',
    details: { holder: holder ?? null },
  });
}

import { randomUUID } from 'node:crypto';
import { withResources } from '../../foundation/core/release.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { messageOf } from '../../foundation/core/errors.ts';
import { describeAddress } from '../../foundation/postgres/address.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { readCatalog } from './catalog/read.ts';
import { resumedChoices } from './choices.ts';
import { connect, type Connected } from './ends/connect.ts';
import { Crew } from './rows/crew.ts';
import { beforeAnything, blocked, noRun, runExists, stopped, type CommandWords } from './errors.ts';
import {
  beginAttempt,
  beginRun,
  endAttempt,
  finishRun,
  forgetFailedVerifications,
  lockTarget,
  readAttempts,
  readRun,
  readSteps,
  type LedgerRun,
} from './ledger.ts';
import { watchPulse } from './heartbeat.ts';
import { move, type Move } from './move.ts';
import type { MigrateObservation } from './observations.ts';
import type { MigrateChoices, MigrateEnds } from './options.ts';
import { prepare } from './prepare.ts';
import { proveMove, type Proof } from './prove.ts';
import { makeReport, type MigrationReport } from './report.ts';
import { revalidate } from './resume.ts';
import { assertSameProject, assertSameSchema } from './ends/same-source.ts';
import { exportSnapshot, sourceIdentity } from './ends/source.ts';
import { openTarget } from './ends/target.ts';

export interface RunInput {
  readonly ends: MigrateEnds;
  readonly choices: MigrateChoices;
  /** Continue the run that is there, with what was said on this command line; null begins a new one. */
  readonly resume: Partial<MigrateChoices> | null;
  /** Free bytes under the target's data, where it lies on this machine. */
  readonly targetFreeBytes: number | null;
  readonly words: CommandWords;
  /** Told whenever there is something to report, also before a failure is thrown. */
  readonly onReport: (report: MigrationReport) => Promise<void>;
}

/**
 * Moves a project. The story, and what a kill leaves behind at each point:
 *
 *   connect    two sessions and a lock on the target                    nothing
 *   plan       both catalogues read under the source's snapshot         nothing
 *   begin      ledger and plan written in one transaction               an empty run: resume or abort
 *   move       each step commits with its ledger line                   the steps that have a line
 *   prove      catalogue, foreign keys and sequences compared           a whole copy, proof repeated on resume
 *   finish     the run is marked, flushed to disk                       a finished migration
 *
 * A resumed run enters at `revalidate`, which makes what is there as good as copied now (resume.ts), then moves on.
 *
 * @throws MIGRATE_BLOCKED, MIGRATE_TARGET_NOT_EMPTY, MIGRATE_RUN_EXISTS, LOCK_HELD before anything is written;
 *   MIGRATE_STOPPED (exit 75) after; MIGRATE_SOURCE_CHANGED, MIGRATE_SOURCE_OTHER on resume
 */
export async function runMigration(input: RunInput, ctx: JobContext<MigrateObservation>): Promise<MigrationReport> {
  return withResources(async (scope) => {
    const sessions = await beforeAnything(ctx.signal, async () =>
      phase(ctx, 'connect', async () => connect(input.ends, scope)),
    );
    const lost = new AbortController();
    for (const session of [sessions.lead, sessions.keeper]) session.onLost((error) => lost.abort(error));
    const inner = { ...ctx, signal: AbortSignal.any([ctx.signal, lost.signal]) };
    const begun = await beforeAnything(inner.signal, async () =>
      phase(ctx, 'plan', async () => begin(input, sessions, inner)),
    );
    const job: Move = {
      runId: begun.run.runId,
      attempt: begun.attempt,
      plan: begun.run.plan,
      choices: begun.run.choices,
      crew: begun.crew,
      ctx: inner,
    };
    scope.add(job.crew, async (crew) => crew.close());
    inner.signal.addEventListener('abort', () => void job.crew.abandon(), { once: true });
    // While the crew works these two sessions are idle: what they do not answer then is a dead link.
    const pulses = [sessions.lead, sessions.keeper].map((session) =>
      scope.add(
        watchPulse(session, (error) => lost.abort(error)),
        (stop) => stop(),
      ),
    );
    try {
      if (begun.attempt > 1) await phase(ctx, 'revalidate', async () => revalidate(job));
      const done = new Set((await readSteps(sessions.keeper, job.runId)).keys());
      await phase(ctx, 'move', async () => move(job, done));
      for (const stop of pulses) stop();
      const proof = await phase(ctx, 'compare', async () => proveMove(sessions.lead, sessions.keeper, job.plan));
      const report = await writeReport(input, sessions.keeper, begun.run, proof, null);
      await finishRun(sessions.keeper, job.runId, report);
      await endAttempt(sessions.keeper, job.runId, job.attempt, report.outcome);
      return report;
    } catch (thrown) {
      // What was cut short says only that it was: the reason is the signal's, be it Ctrl-C or a lost link.
      const error = stopped(inner.signal.aborted ? inner.signal.reason : thrown, input.words);
      await job.crew.abandon();
      await reportStop(input, begun, error).catch(() => undefined);
      throw error;
    }
  });
}

interface Begun {
  readonly run: Run;
  readonly attempt: number;
  readonly crew: Crew;
}

/** Takes the lock and the snapshot, and either writes a new run or picks up the one that is there. */
async function begin(input: RunInput, sessions: Connected, ctx: JobContext<MigrateObservation>): Promise<Begun> {
  const { lead, keeper } = sessions;
  await lockTarget(keeper);
  const existing = await readRun(keeper);
  if (existing && (input.resume === null || existing.state !== 'running')) throw runExists(existing.state, input.words);
  if (!existing && input.resume !== null) throw noRun();
  const identity = await sourceIdentity(lead);
  const snapshot = await exportSnapshot(lead);
  const run = existing ? await pickUp(existing, input, lead, identity) : await planNew(input, sessions, identity);
  ctx.signal.throwIfAborted();
  if (!existing) await beginRun(keeper, run);
  await forgetFailedVerifications(keeper, run.runId);
  const attempt = await beginAttempt(keeper, run.runId, snapshot);
  ctx.observe({ event: 'migrate.snapshot.noted', id: run.runId, lsn: snapshot.lsn, attempt });
  return { run, attempt, crew: new Crew(input.ends, snapshot) };
}

type Run = Pick<LedgerRun, 'runId' | 'sourceIdentity' | 'choices' | 'plan' | 'startedAt'>;

async function planNew(input: RunInput, { lead, keeper, pooler }: Connected, sourceIdentityText: string): Promise<Run> {
  const { findings, plan } = await prepare({ source: lead, target: keeper }, input.choices, {
    pooler,
    targetFreeBytes: input.targetFreeBytes,
  });
  const blockers = findings.filter(({ level }) => level === 'blocker');
  if (blockers.length > 0) throw blocked(blockers);
  return {
    runId: randomUUID(),
    sourceIdentity: sourceIdentityText,
    choices: input.choices,
    plan,
    startedAt: new Date().toISOString(),
  };
}

async function pickUp(run: LedgerRun, input: RunInput, lead: Session, identity: string): Promise<Run> {
  assertSameProject(run, identity);
  assertSameSchema(run.plan, await readCatalog(lead, { schemas: 'all-user', toMove: true }), input.words);
  return { ...run, choices: resumedChoices(run.choices, input.resume ?? {}) };
}

async function writeReport(
  input: RunInput,
  keeper: Session,
  run: Run,
  proof: Proof | null,
  stop: string | null,
): Promise<MigrationReport> {
  const report = makeReport({
    kind: 'migration',
    runId: run.runId,
    source: describeAddress(input.ends.source),
    target: describeAddress(input.ends.target),
    startedAt: new Date(run.startedAt).toISOString(),
    endedAt: new Date().toISOString(),
    plan: run.plan,
    verified: run.choices.verify,
    attempts: await readAttempts(keeper, run.runId),
    steps: await readSteps(keeper, run.runId),
    catalogue: proof?.catalogue ?? null,
    foreignKeys: proof?.foreignKeys ?? null,
    sequences: proof?.sequences ?? null,
    stopped: stop,
  });
  await input.onReport(report);
  return report;
}

/** A stopped run has its report too, over a connection of its own: the old ones may be what failed. */
async function reportStop(input: RunInput, begun: Begun, error: unknown): Promise<void> {
  const keeper = await openTarget(input.ends.target);
  try {
    await endAttempt(keeper, begun.run.runId, begun.attempt, 'stopped');
    await writeReport(input, keeper, begun.run, null, messageOf(error));
  } finally {
    await keeper.close();
  }
}

async function phase<T>(
  ctx: JobContext<MigrateObservation>,
  id: 'connect' | 'plan' | 'revalidate' | 'move' | 'compare',
  body: () => Promise<T>,
): Promise<T> {
  const started = ctx.clock.now();
  ctx.observe({ event: 'migrate.phase.started', id });
  const result = await body();
  ctx.observe({ event: 'migrate.phase.finished', id, ms: ctx.clock.now() - started });
  return result;
}

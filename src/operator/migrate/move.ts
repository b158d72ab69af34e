import type { JobContext } from '../../foundation/core/observe.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { copyPart } from './rows/copy.ts';
import type { Crew } from './rows/crew.ts';
import { StatementError } from './errors.ts';
import { execute, type Lane } from './execute.ts';
import { recordStep, type StepResult } from './ledger.ts';
import type { MigrateObservation } from './observations.ts';
import type { MigrateChoices } from './options.ts';
import type { CopyStep, DdlStep, MigrationPlan, SequencesStep, Step, VerifyStep } from './plan/model.ts';
import { readSequences, setSequences } from './rows/sequences.ts';
import { withTableOpen } from './rows/table-open.ts';
import { makeThrottle, type Throttle } from './rows/throttle.ts';
import { compareTable } from './rows/verify.ts';

export interface Move {
  readonly runId: string;
  readonly attempt: number;
  readonly plan: MigrationPlan;
  readonly choices: MigrateChoices;
  readonly crew: Crew;
  readonly ctx: JobContext<MigrateObservation>;
}

/**
 * Does every step of the plan that is not done, each in one transaction with its ledger line.
 * Throws the first failure when all workers have come to rest; what is committed stays committed.
 */
export async function move(job: Move, done: ReadonlySet<string>): Promise<void> {
  const throttle = makeThrottle(job.choices.maxRate, job.ctx.clock);
  const progress = makeProgress(job, done);
  const abandon = (): void => void job.crew.abandon();
  job.ctx.signal.addEventListener('abort', abandon, { once: true });
  try {
    await execute({
      steps: job.plan.steps,
      done,
      workers: { copy: job.choices.jobs, build: job.choices.buildJobs },
      signal: job.ctx.signal,
      perform: async (step, worker, signal) => {
        const drop = (): void => void job.crew.abandon();
        signal.addEventListener('abort', drop, { once: true });
        try {
          await performStep(job, step, workerName(worker), { throttle, progress, signal });
        } finally {
          signal.removeEventListener('abort', drop);
        }
      },
    });
  } finally {
    job.ctx.observe({ event: 'migrate.total.finished', id: 'rows and bytes' });
    job.ctx.signal.removeEventListener('abort', abandon);
  }
}

interface StepTools {
  readonly throttle: Throttle;
  readonly progress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

async function performStep(job: Move, step: Step, worker: string, tools: StepTools): Promise<void> {
  const { observe, clock } = job.ctx;
  const started = clock.now();
  const target = await job.crew.target(worker);
  const key = { runId: job.runId, attempt: job.attempt, stepId: step.id };
  if (step.kind === 'ddl') observe({ event: 'migrate.step.started', id: step.id });
  await recordStep(target, key, async () => {
    switch (step.kind) {
      case 'ddl':
        return runStatements(target, step);
      case 'copy':
        return copyStep(job, step, await job.crew.source(worker), target, tools);
      case 'verify':
        return verifyStep(job, step, await job.crew.source(worker), target);
      case 'sequences':
        return sequencesStep(step, await job.crew.source(worker), target);
    }
  });
  if (step.kind === 'ddl') observe({ event: 'migrate.step.finished', id: step.id, ms: clock.now() - started });
}

async function runStatements(target: Session, step: DdlStep): Promise<StepResult> {
  for (const { key, sql } of step.statements) {
    try {
      await target.script(sql);
    } catch (error) {
      throw new StatementError(key, error);
    }
  }
  return { rows: step.statements.length };
}

async function copyStep(
  job: Move,
  step: CopyStep,
  source: Session,
  target: Session,
  tools: StepTools,
): Promise<StepResult> {
  const { observe, clock } = job.ctx;
  const table = findTable(job.plan, step.table);
  const part = table.parts[step.part];
  if (!part) throw new Error(`plan has no part ${step.part} of ${step.table}`);
  const started = clock.now();
  let bytes = 0;
  let told = started;
  observe({ event: 'migrate.table.started', id: table.identity, part: step.id, totalBytes: part.bytes });
  const result = await withTableOpen(target, table.identity, async () =>
    copyPart({
      source,
      target,
      table,
      part,
      throttle: tools.throttle,
      searchPath: job.plan.searchPath,
      signal: tools.signal,
      onBytes: (count) => {
        bytes += count;
        tools.progress(count);
        if (clock.now() - told < 200) return;
        told = clock.now();
        observe({ event: 'migrate.table.progress', id: table.identity, part: step.id, bytes, totalBytes: part.bytes });
      },
    }),
  );
  observe({ event: 'migrate.table.finished', id: table.identity, part: step.id, ...result, ms: clock.now() - started });
  return result;
}

async function verifyStep(job: Move, step: VerifyStep, source: Session, target: Session): Promise<StepResult> {
  const { observe, clock } = job.ctx;
  const started = clock.now();
  observe({ event: 'migrate.verify.started', id: step.table });
  const comparison = await compareTable(source, target, findTable(job.plan, step.table));
  observe({
    event: 'migrate.verify.finished',
    id: step.table,
    rows: comparison.targetRows,
    equal: comparison.equal,
    ms: clock.now() - started,
  });
  return { rows: comparison.targetRows, detail: comparison };
}

async function sequencesStep(step: SequencesStep, source: Session, target: Session): Promise<StepResult> {
  const values = await readSequences(source, step.sequences);
  await setSequences(target, values);
  return { rows: values.length };
}

/** Bytes of the whole, against the planner's estimate, told five times a second. */
function makeProgress(job: Move, done: ReadonlySet<string>): (bytes: number) => void {
  const open = job.plan.steps.filter((step): step is CopyStep => step.kind === 'copy' && !done.has(step.id));
  const totalBytes = open.reduce(
    (sum, step) => sum + (findTable(job.plan, step.table).parts[step.part]?.bytes ?? 0),
    0,
  );
  let bytes = 0;
  let told = 0;
  return (count) => {
    bytes += count;
    const now = job.ctx.clock.now();
    if (now - told < 200) return;
    told = now;
    job.ctx.observe({ event: 'migrate.total.progress', id: 'rows and bytes', bytes, totalBytes });
  };
}

export function findTable(plan: MigrationPlan, identity: string): MigrationPlan['tables'][number] {
  const table = plan.tables.find((candidate) => candidate.identity === identity);
  if (!table) throw new Error(`plan has no table ${identity}`);
  return table;
}

function workerName({ lane, index }: { lane: Lane; index: number }): string {
  return `${lane} ${index}`;
}

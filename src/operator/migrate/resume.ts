import { inTransaction } from '../../foundation/postgres/transaction.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { forgetSteps, readSteps, recordStep } from './ledger.ts';
import type { Move } from './move.ts';
import type { PlannedPart, PlannedTable, Step } from './plan/model.ts';
import { withTableOpen } from './rows/table-open.ts';
import { compareTable } from './rows/verify.ts';

/**
 * Going on under a new snapshot.
 *
 * The snapshot of the first attempt died with its connection, so what was copied may be older than what will be. Two
 * instants in one database would be a silent fault. Instead each part that is done is counted and hashed on both
 * sides under the new snapshot: what is equal is as good as copied now and is kept; what is not is taken back and
 * copied again. So a resumed run ends as consistent as an unbroken one. Without verification all is kept, and labelled
 * so, but for tables of which some pages were copied: those begin anew.
 */
export async function revalidate(job: Move): Promise<void> {
  const steps = await readSteps(await job.crew.target('copy 0'), job.runId);
  const queue = job.plan.tables.filter((table) => table.parts.some(({ stepId }) => steps.has(stepId)));
  const stale: Stale[] = [];
  const judge = async (worker: string): Promise<void> => {
    for (let table = queue.shift(); table; table = queue.shift()) {
      job.ctx.signal.throwIfAborted();
      const found = await staleParts(job, table, new Set(steps.keys()), worker);
      stale.push(...found);
      job.ctx.observe({
        event: 'migrate.resume.noted',
        id: table.identity,
        decision: found.length === 0 ? 'kept' : 'copied again',
      });
    }
  };
  await Promise.all(Array.from({ length: job.choices.jobs }, async (_, index) => judge(`copy ${index}`)));
  // One after the other: each may drop the foreign keys of all.
  for (const { table, part } of stale) await takeBack(job, await job.crew.target('copy 0'), table, part);
}

interface Stale {
  readonly table: PlannedTable;
  /** Null for the whole table. */
  readonly part: PlannedPart | null;
}

async function staleParts(job: Move, table: PlannedTable, done: ReadonlySet<string>, worker: string): Promise<Stale[]> {
  const source = await job.crew.source(worker);
  const target = await job.crew.target(worker);
  const copied = table.parts.filter(({ stepId }) => done.has(stepId));
  const complete = copied.length === table.parts.length;
  // Also where nothing is to be verified: a row that was updated since lies on another page, in two parts or in none.
  if (!complete && copied.some(({ by }) => by === 'ctid')) return [{ table, part: null }];
  if (!job.choices.verify) return [];
  if (complete) {
    const comparison = await compareTable(source, target, table);
    if (!comparison.equal) return [{ table, part: null }];
    await recordStep(
      target,
      { runId: job.runId, attempt: job.attempt, stepId: `verify ${table.identity}` },
      async () => ({
        rows: comparison.targetRows,
        detail: comparison,
      }),
    );
    return [];
  }
  const stale: Stale[] = [];
  for (const part of copied) {
    if (!(await compareTable(source, target, table, part.where)).equal) stale.push({ table, part });
  }
  return stale;
}

/**
 * Empties a table (or one part of it) and forgets every step that built on its rows, in one transaction. Foreign keys
 * go too: rows of other tables may come to point at rows that are gone until the copy is done again.
 */
async function takeBack(job: Move, target: Session, table: PlannedTable, part: PlannedPart | null): Promise<void> {
  const stepIds = job.plan.steps.filter((step) => buildsOnRows(step, table, part)).map(({ id }) => id);
  await inTransaction(target, async () => {
    const foreignKeys = job.plan.made.filter(({ key }) => key.startsWith('foreign-key '));
    const [added] = await target.rows(
      `select 1 from vectabase_migration.step where run_id = $1 and step_id like 'foreign keys%' limit 1`,
      [job.runId],
    );
    if (added) for (const statement of foreignKeys.flatMap(({ undo }) => undo)) await target.script(statement);
    await withTableOpen(target, table.identity, async () => {
      if (part === null && !table.managed) await target.script(`truncate only ${table.identity}`);
      else await target.script(`delete from only ${table.identity} t${part?.where ? ` where ${part.where}` : ''}`);
    });
    await forgetSteps(target, job.runId, stepIds);
  });
}

function buildsOnRows(step: Step, table: PlannedTable, part: PlannedPart | null): boolean {
  switch (step.kind) {
    case 'copy':
      return part === null ? step.table === table.identity : step.id === part.stepId;
    case 'verify':
      return step.table === table.identity;
    case 'sequences':
      return true;
    case 'ddl':
      return /^(foreign keys|validate |refresh)/.test(step.id) || step.id === `analyze ${table.identity}`;
  }
}

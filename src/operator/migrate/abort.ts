import type { JobContext } from '../../foundation/core/observe.ts';
import { withResources } from '../../foundation/core/release.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { beforeAnything, noRun, StatementError } from './errors.ts';
import { LEDGER_SCHEMA, lockTarget, readRun, readSteps, type LedgerRun, type LedgerStep } from './ledger.ts';
import type { MigrateObservation } from './observations.ts';
import type { PlannedObject } from './plan/model.ts';
import { openTarget } from './target.ts';
import { withTriggersOff } from './triggers.ts';

export interface AbortResult {
  readonly runId: string;
  readonly dropped: number;
  readonly emptied: readonly string[];
}

/**
 * Takes back what a migration made on the target, and only that; the source is never touched. In one transaction, so a
 * kill leaves the run as it was.
 *
 * Objects go in the reverse of the order they were made in, without CASCADE: if something of yours was built on them
 * since, the abort fails by naming it rather than take it along. Tables of auth and storage that were there before are
 * emptied (they were empty, or the run would not have begun).
 */
export async function abortMigration(
  target: DatabaseAddress,
  ctx: JobContext<MigrateObservation>,
): Promise<AbortResult> {
  return beforeAnything(ctx.signal, async () =>
    withResources(async (scope) => {
      const session = scope.add(await openTarget(target), async (opened) => opened.close());
      await lockTarget(session);
      const run = await readRun(session);
      if (!run) throw noRun();
      const steps = await readSteps(session, run.runId);
      const made = madeSoFar(run, steps);
      const emptied = filledSoFar(run, steps);
      ctx.observe({ event: 'migrate.step.started', id: 'abort' });
      const started = ctx.clock.now();
      await inTransaction(session, async () => {
        for (const table of emptied)
          await withTriggersOff(session, table, async () => session.script(`delete from only ${table}`));
        for (const object of made) await undo(session, object);
        await session.script(`drop schema ${LEDGER_SCHEMA} cascade`);
      });
      ctx.observe({ event: 'migrate.step.finished', id: 'abort', ms: ctx.clock.now() - started });
      return { runId: run.runId, dropped: made.length, emptied };
    }),
  );
}

async function undo(session: Session, { key, undo: statements }: PlannedObject): Promise<void> {
  for (const statement of statements) {
    try {
      await session.script(statement);
    } catch (error) {
      throw new StatementError(key, error);
    }
  }
}

/** Objects whose step has a line in the ledger, last made first. */
function madeSoFar(run: LedgerRun, steps: ReadonlyMap<string, LedgerStep>): PlannedObject[] {
  const done = new Set(
    run.plan.steps.flatMap((step) =>
      step.kind === 'ddl' && steps.has(step.id) ? step.statements.map(({ key }) => key) : [],
    ),
  );
  return run.plan.made.filter(({ key }) => done.has(key)).toReversed();
}

function filledSoFar(run: LedgerRun, steps: ReadonlyMap<string, LedgerStep>): string[] {
  return run.plan.tables
    .filter((table) => table.managed && table.parts.some(({ stepId }) => steps.has(stepId)))
    .map(({ identity }) => identity);
}

import { withResources } from '../../foundation/core/release.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { beforeAnything, noRun } from './errors.ts';
import { readAttempts, readRun, readSteps, type LedgerAttempt, type RunState } from './ledger.ts';
import { openTarget } from './ends/target.ts';

export interface MigrationStatus {
  readonly runId: string;
  readonly state: RunState;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly attempts: readonly LedgerAttempt[];
  readonly steps: { readonly done: number; readonly total: number };
  readonly tables: { readonly copied: number; readonly total: number };
  readonly rows: number;
  readonly bytes: number;
  /** Steps that could be done next, at most ten. */
  readonly next: readonly string[];
}

/** What the ledger says, without touching anything; may be asked while a migration runs. */
export async function migrationStatus(target: DatabaseAddress): Promise<MigrationStatus> {
  return beforeAnything(null, async () =>
    withResources(async (scope) => {
      const session = scope.add(await openTarget(target), async (opened) => opened.close());
      const run = await readRun(session);
      if (!run) throw noRun();
      const steps = await readSteps(session, run.runId);
      const tables = run.plan.tables.filter(({ excluded }) => !excluded);
      const copied = [...steps.values()].filter(({ stepId }) => stepId.startsWith('copy '));
      return {
        runId: run.runId,
        state: run.state,
        startedAt: run.startedAt,
        finishedAt: run.finishedAt,
        attempts: await readAttempts(session, run.runId),
        steps: { done: steps.size, total: run.plan.steps.length },
        tables: {
          copied: tables.filter((table) => table.parts.every(({ stepId }) => steps.has(stepId))).length,
          total: tables.length,
        },
        rows: copied.reduce((sum, { rows }) => sum + rows, 0),
        bytes: copied.reduce((sum, { bytes }) => sum + bytes, 0),
        next: run.plan.steps
          .filter((step) => !steps.has(step.id) && step.needs.every((need) => steps.has(need)))
          .slice(0, 10)
          .map(({ id }) => id),
      };
    }),
  );
}

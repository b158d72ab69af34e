import { withResources } from '../../foundation/core/release.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { describeAddress } from '../../foundation/postgres/address.ts';
import { connect } from './connect.ts';
import { Crew } from './crew.ts';
import { beforeAnything, noRun } from './errors.ts';
import { readAttempts, readRun, readSteps, type LedgerStep } from './ledger.ts';
import type { MigrateObservation } from './observations.ts';
import type { MigrateEnds } from './options.ts';
import { prove } from './prove.ts';
import { makeReport, type MigrationReport } from './report.ts';
import { exportSnapshot, holdTables } from './source.ts';
import { compareTable, type Comparison } from './verify.ts';

/**
 * Compares source and target as they are now, table by table and object by object. Changes nothing on either side.
 * Rows written to either side since the move show up as differences, as they should.
 */
export async function verifyMigration(
  input: { ends: MigrateEnds; jobs: number },
  ctx: JobContext<MigrateObservation>,
): Promise<MigrationReport> {
  return beforeAnything(async () =>
    withResources(async (scope) => {
      const { lead, keeper } = await connect(input.ends, scope);
      const run = await readRun(keeper);
      if (!run) throw noRun();
      const started = new Date().toISOString();
      const snapshot = await exportSnapshot(lead);
      const tables = run.plan.tables.filter(({ excluded }) => !excluded);
      await holdTables(
        lead,
        tables.map(({ identity }) => identity),
      );
      const crew = scope.add(new Crew(input.ends, snapshot), async (opened) => opened.close());
      const results = new Map<string, Comparison>();
      const queue = [...tables].toSorted((a, b) => b.dataBytes - a.dataBytes);
      const work = async (worker: string): Promise<void> => {
        for (let table = queue.shift(); table; table = queue.shift()) {
          ctx.signal.throwIfAborted();
          const begun = ctx.clock.now();
          ctx.observe({ event: 'migrate.verify.started', id: table.identity });
          const comparison = await compareTable(await crew.source(worker), await crew.target(worker), table);
          results.set(table.identity, comparison);
          ctx.observe({
            event: 'migrate.verify.finished',
            id: table.identity,
            rows: comparison.targetRows,
            equal: comparison.equal,
            ms: ctx.clock.now() - begun,
          });
        }
      };
      await Promise.all(Array.from({ length: input.jobs }, async (_, index) => work(`copy ${index}`)));
      const proof = await prove(lead, keeper, run.plan);
      return makeReport({
        kind: 'verification',
        runId: run.runId,
        source: describeAddress(input.ends.source),
        target: describeAddress(input.ends.target),
        startedAt: started,
        endedAt: new Date().toISOString(),
        plan: run.plan,
        verified: true,
        attempts: await readAttempts(keeper, run.runId),
        steps: withComparisons(await readSteps(keeper, run.runId), results),
        stopped: null,
        ...proof,
      });
    }),
  );
}

/** The ledger's lines with the verification of now in place of that of then. */
function withComparisons(
  steps: ReadonlyMap<string, LedgerStep>,
  results: ReadonlyMap<string, Comparison>,
): Map<string, LedgerStep> {
  const merged = new Map(steps);
  for (const [table, comparison] of results) {
    const stepId = `verify ${table}`;
    merged.set(stepId, { stepId, attempt: 0, rows: comparison.targetRows, bytes: 0, ms: 0, detail: comparison });
  }
  return merged;
}

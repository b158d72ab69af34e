import { withResources } from '../../foundation/core/release.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { describeAddress } from '../../foundation/postgres/address.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { connect } from './ends/connect.ts';
import { readEncryptedTarget } from './rows/encrypted.ts';
import { Crew } from './rows/crew.ts';
import type { Catalog } from './catalog/model.ts';
import { readCatalog } from './catalog/read.ts';
import { beforeAnything, noRun, runExists, type CommandWords } from './errors.ts';
import { readAttempts, readRun, readSteps, type LedgerStep } from './ledger.ts';
import type { MigrateObservation } from './observations.ts';
import type { MigrateEnds } from './options.ts';
import type { PlannedTable } from './plan/model.ts';
import { prove } from './prove.ts';
import { makeReport, type MigrationReport } from './report.ts';
import { assertSameProject } from './ends/same-source.ts';
import { exportSnapshot, sourceIdentity } from './ends/source.ts';
import { compareTable, type Comparison } from './rows/verify.ts';

/**
 * Compares source and target as they are now, table by table and object by object. Changes nothing on either side.
 * Rows written to either side since the move show up as differences, as they should.
 */
export async function verifyMigration(
  input: { ends: MigrateEnds; jobs: number; words: CommandWords; masterKey?: Buffer | undefined },
  ctx: JobContext<MigrateObservation>,
): Promise<MigrationReport> {
  return beforeAnything(ctx.signal, async () =>
    withResources(async (scope) => {
      const { lead, keeper } = await connect(input.ends, scope);
      const run = await readRun(keeper);
      if (!run) throw noRun();
      if (run.state !== 'finished') throw runExists(run.state, input.words);
      assertSameProject(run, await sourceIdentity(lead));
      const encrypted = await readEncryptedTarget(keeper, input.masterKey);
      const started = new Date().toISOString();
      const snapshot = await exportSnapshot(lead);
      const now = await readCatalog(lead, { schemas: 'all-user', toMove: true });
      const moved = run.plan.tables.filter(({ excluded }) => !excluded);
      // Where a column is missing on one side there is nothing to hash; the comparison of objects names such a table.
      const there = await inTransaction(keeper, async () => readCatalog(keeper, { schemas: 'all-user' }));
      const whole = wholeIn(now, there);
      const tables = moved.filter(whole);
      const crew = scope.add(new Crew(input.ends, snapshot), async (opened) => opened.close());
      const abandon = (): void => void crew.abandon();
      ctx.signal.addEventListener('abort', abandon, { once: true });
      scope.add(abandon, (listener) => ctx.signal.removeEventListener('abort', listener));
      const results = new Map<string, Comparison>();
      const queue = [...tables].toSorted((a, b) => b.dataBytes - a.dataBytes);
      const work = async (worker: string): Promise<void> => {
        for (let table = queue.shift(); table; table = queue.shift()) {
          ctx.signal.throwIfAborted();
          const begun = ctx.clock.now();
          ctx.observe({ event: 'migrate.verify.started', id: table.identity });
          const [source, target] = [await crew.source(worker), await crew.target(worker)];
          const comparison = await compareTable(source, target, table, null, encrypted);
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
      const proof = await prove(lead, keeper, run.plan, now);
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
        steps: withComparisons(await readSteps(keeper, run.runId), moved, results),
        stopped: null,
        ...proof,
        catalogue: encrypted?.explain(proof.catalogue) ?? proof.catalogue,
      });
    }),
  );
}

/** Tables of the plan that have all of its columns in each of these catalogues. */
function wholeIn(...catalogs: readonly Catalog[]): (table: PlannedTable) => boolean {
  const columns = catalogs.map(
    ({ tables }) => new Map(tables.map((table) => [table.identity, new Set(table.columns.map(({ name }) => name))])),
  );
  return (table) =>
    columns.every((side) => {
      const there = side.get(table.identity);
      return there !== undefined && table.columns.every(({ name }) => there.has(name));
    });
}

/** The ledger's lines with the verification of now in place of that of then, and with none for what cannot be compared now. */
function withComparisons(
  steps: ReadonlyMap<string, LedgerStep>,
  moved: readonly PlannedTable[],
  results: ReadonlyMap<string, Comparison>,
): Map<string, LedgerStep> {
  const merged = new Map(steps);
  for (const { identity } of moved) {
    const stepId = `verify ${identity}`;
    const comparison = results.get(identity);
    if (comparison)
      merged.set(stepId, { stepId, attempt: 0, rows: comparison.targetRows, bytes: 0, ms: 0, detail: comparison });
    else merged.delete(stepId);
  }
  return merged;
}

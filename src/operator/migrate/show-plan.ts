import type { JobContext } from '../../foundation/core/observe.ts';
import { withResources } from '../../foundation/core/release.ts';
import { describeAddress } from '../../foundation/postgres/address.ts';
import { isPlatformSchema } from '../../foundation/postgres/managed.ts';
import { isManagedSchema } from './plan/scope.ts';
import type { Catalog, ObjectKind } from './catalog/model.ts';
import { connect } from './ends/connect.ts';
import { beforeAnything } from './errors.ts';
import { estimate, type Estimate } from './estimate.ts';
import { readRun } from './ledger.ts';
import type { MigrateObservation } from './observations.ts';
import type { MigrateChoices, MigrateEnds } from './options.ts';
import type { LeftOut, MigrationPlan } from './plan/model.ts';
import type { Finding } from './preflight/finding.ts';
import type { SourceFacts } from './preflight/facts.ts';
import { prepare } from './prepare.ts';
import { exportSnapshot } from './ends/source.ts';

/** What `migrate plan` prints: an inventory, what stands in the way, how long it takes, what stays behind. */
export interface PlanReport {
  readonly source: string;
  readonly target: string;
  readonly serverVersion: number;
  readonly findings: readonly Finding[];
  readonly inventory: Inventory;
  readonly estimate: Estimate;
  readonly leftOut: readonly LeftOut[];
  /** What the target already holds of an earlier run. */
  readonly existingRun: { readonly runId: string; readonly state: string } | null;
  readonly plan: MigrationPlan;
}

export interface Inventory {
  readonly tables: ReadonlyArray<{
    readonly table: string;
    readonly rows: number;
    readonly bytes: number;
    readonly parts: number;
    readonly format: string;
    readonly excluded: boolean;
    readonly required: boolean;
  }>;
  readonly databaseBytes: number;
  /** Objects by kind that will be made. */
  readonly made: Readonly<Partial<Record<ObjectKind, number>>>;
  readonly extensions: readonly string[];
  readonly roles: readonly string[];
  readonly cronJobs: number | null;
  readonly vaultSecrets: number | null;
  readonly webhooks: number;
  readonly buckets: SourceFacts['buckets'];
  readonly passwordKinds: SourceFacts['passwordKinds'];
  readonly publications: readonly string[];
}

/** Computes the plan and measures the source; writes nothing anywhere. @throws MIGRATE_BLOCKED for a transaction pooler */
export async function showPlan(
  input: { ends: MigrateEnds; choices: MigrateChoices; targetFreeBytes: number | null },
  ctx: JobContext<MigrateObservation>,
): Promise<PlanReport> {
  return beforeAnything(ctx.signal, async () =>
    withResources(async (scope) => {
      const { lead, keeper, pooler } = await connect(input.ends, scope);
      ctx.observe({ event: 'migrate.phase.started', id: 'plan' });
      const started = ctx.clock.now();
      await exportSnapshot(lead);
      const { findings, plan, facts, source } = await prepare({ source: lead, target: keeper }, input.choices, {
        pooler,
        targetFreeBytes: input.targetFreeBytes,
      });
      const run = await readRun(keeper);
      const report: PlanReport = {
        source: describeAddress(input.ends.source),
        target: describeAddress(input.ends.target),
        serverVersion: source.serverVersion,
        findings,
        inventory: inventory(plan, facts, source),
        estimate: await estimate(lead, plan, source, input.choices, ctx.clock),
        leftOut: plan.leftOut,
        existingRun: run && { runId: run.runId, state: run.state },
        plan,
      };
      ctx.observe({ event: 'migrate.phase.finished', id: 'plan', ms: ctx.clock.now() - started });
      return report;
    }),
  );
}

function inventory(plan: MigrationPlan, facts: SourceFacts, source: Catalog): Inventory {
  const made: Partial<Record<ObjectKind, number>> = {};
  for (const { key } of plan.made) {
    const kind = key.split(' ')[0] as ObjectKind;
    made[kind] = (made[kind] ?? 0) + 1;
  }
  const named = (kind: ObjectKind): string[] =>
    source.objects.filter((object) => object.kind === kind).map(({ identity }) => identity);
  return {
    tables: plan.tables
      .map((table) => ({
        table: table.identity,
        rows: table.estimatedRows,
        bytes: table.dataBytes,
        parts: table.parts.length,
        format: table.format,
        excluded: table.excluded,
        required: table.mustVerify,
      }))
      .toSorted((a, b) => b.bytes - a.bytes),
    databaseBytes: facts.databaseBytes,
    made,
    extensions: named('extension'),
    roles: plan.made.filter(({ key }) => key.startsWith('role ')).map(({ key }) => key.slice(5)),
    cronJobs: facts.cronJobs,
    vaultSecrets: facts.vaultSecrets,
    webhooks: source.objects.filter(
      ({ kind, schema, definition }) =>
        kind === 'trigger' &&
        schema !== null &&
        !isPlatformSchema(schema) &&
        !isManagedSchema(schema) &&
        definition.includes('supabase_functions.http_request'),
    ).length,
    buckets: facts.buckets,
    passwordKinds: facts.passwordKinds,
    publications: named('publication'),
  };
}

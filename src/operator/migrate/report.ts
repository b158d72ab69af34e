import type { CatalogueComparison } from './compare-catalogues.ts';
import type { LedgerAttempt, LedgerStep } from './ledger.ts';
import type { LeftOut, MigrationPlan, PlannedTable } from './plan/model.ts';
import { REQUIRED_TABLES } from './required-tables.ts';
import type { Comparison } from './rows/verify.ts';

export type TableStatus = 'verified' | 'copied' | 'differs' | 'part-way' | 'not begun' | 'rows left out';

export interface TableReport {
  readonly table: string;
  readonly status: TableStatus;
  readonly rows: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly parts: number;
  readonly format: string;
  /** Counted under the snapshot of the last comparison; null where none was made. `rows` is what the copies counted. */
  readonly sourceRows: number | null;
  readonly targetRows: number | null;
  readonly sourceHash: string | null;
  readonly targetHash: string | null;
  /** The snapshot attempt under which its last part was copied. */
  readonly attempt: number | null;
}

export type Outcome = 'complete' | 'complete, not verified' | 'differences' | 'stopped';

/**
 * `one snapshot`: all rows are of one instant. `revalidated`: the run was resumed, and what had been copied before was
 * proved equal to the newer instant or copied again. `mixed`: resumed without verification, so tables may be of
 * different instants.
 */
export type Consistency = 'one snapshot' | 'revalidated' | 'mixed';

export interface MigrationReport {
  readonly version: 1;
  /** Of a move, or of a later comparison of what it made. */
  readonly kind: 'migration' | 'verification';
  readonly runId: string;
  readonly outcome: Outcome;
  /** Why it stopped, where it did. */
  readonly stopped: string | null;
  readonly source: string;
  readonly target: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly consistency: Consistency;
  readonly attempts: readonly LedgerAttempt[];
  readonly tables: readonly TableReport[];
  readonly totals: { readonly tables: number; readonly rows: number; readonly bytes: number; readonly seconds: number };
  /** The tables of requirement 2.3 that the source has, and those it lacks. */
  readonly required: {
    readonly present: readonly { table: string; status: TableStatus }[];
    readonly absent: readonly string[];
  };
  readonly catalogue: CatalogueComparison | null;
  readonly foreignKeys: {
    readonly valid: number;
    /** NOT VALID on the source too: it never checked its old rows against them. */
    readonly asOnSource: readonly string[];
    readonly notValid: readonly string[];
  } | null;
  readonly sequences: { readonly set: number; readonly behind: readonly string[] } | null;
  readonly leftOut: readonly LeftOut[];
}

export interface ReportInput {
  readonly kind: MigrationReport['kind'];
  readonly runId: string;
  readonly source: string;
  readonly target: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly plan: MigrationPlan;
  readonly verified: boolean;
  readonly attempts: readonly LedgerAttempt[];
  readonly steps: ReadonlyMap<string, LedgerStep>;
  readonly catalogue: CatalogueComparison | null;
  readonly foreignKeys: MigrationReport['foreignKeys'];
  readonly sequences: MigrationReport['sequences'];
  readonly stopped: string | null;
}

/** The report is read off the ledger and the final comparison, also of a run that stopped. */
export function makeReport(input: ReportInput): MigrationReport {
  const tables = input.plan.tables.map((table) => tableReport(table, input.steps));
  const statuses = new Map(tables.map(({ table, status }) => [table, status]));
  const differs =
    tables.some(({ status }) => status === 'differs' || status === 'part-way' || status === 'not begun') ||
    (input.catalogue?.different.length ?? 0) > 0 ||
    (input.sequences?.behind.length ?? 0) > 0;
  return {
    version: 1,
    kind: input.kind,
    runId: input.runId,
    outcome:
      input.stopped !== null
        ? 'stopped'
        : differs
          ? 'differences'
          : input.verified
            ? 'complete'
            : 'complete, not verified',
    stopped: input.stopped,
    source: input.source,
    target: input.target,
    startedAt: input.startedAt,
    endedAt: input.endedAt,
    consistency: input.attempts.length <= 1 ? 'one snapshot' : input.verified ? 'revalidated' : 'mixed',
    attempts: input.attempts,
    tables,
    totals: {
      tables: tables.filter(({ status }) => status === 'verified' || status === 'copied').length,
      rows: tables.reduce((sum, { rows }) => sum + rows, 0),
      bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
      seconds: (Date.parse(input.endedAt) - Date.parse(input.startedAt)) / 1000,
    },
    required: {
      present: REQUIRED_TABLES.flatMap((table) => {
        const status = statuses.get(table);
        return status === undefined ? [] : [{ table, status }];
      }),
      absent: REQUIRED_TABLES.filter((table) => !statuses.has(table)),
    },
    catalogue: input.catalogue,
    foreignKeys: input.foreignKeys,
    sequences: input.sequences,
    leftOut: input.plan.leftOut,
  };
}

function tableReport(table: PlannedTable, steps: ReadonlyMap<string, LedgerStep>): TableReport {
  const copies = table.parts.flatMap(({ stepId }) => steps.get(stepId) ?? []);
  const comparison = (steps.get(`verify ${table.identity}`)?.detail ?? null) as Comparison | null;
  return {
    table: table.identity,
    status: statusOf(table, copies.length, comparison),
    rows: copies.reduce((sum, { rows }) => sum + rows, 0),
    bytes: copies.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: copies.reduce((sum, { ms }) => sum + ms, 0) / 1000,
    parts: table.parts.length,
    format: table.format,
    sourceRows: comparison?.sourceRows ?? null,
    targetRows: comparison?.targetRows ?? null,
    sourceHash: comparison?.sourceHash ?? null,
    targetHash: comparison?.targetHash ?? null,
    attempt: copies.reduce<number | null>((latest, { attempt }) => Math.max(latest ?? 0, attempt), null),
  };
}

function statusOf(table: PlannedTable, copied: number, comparison: Comparison | null): TableStatus {
  if (table.excluded) return 'rows left out';
  if (copied === 0) return 'not begun';
  if (copied < table.parts.length) return 'part-way';
  if (comparison === null) return 'copied';
  return comparison.equal ? 'verified' : 'differs';
}

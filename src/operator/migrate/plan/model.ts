import type { CopyFormat } from '../render/format.ts';
import type { ColumnInfo } from '../catalog/model.ts';
import type { SequenceValue } from '../rows/sequences.ts';

/**
 * The plan: everything a run will do, as data. Computed once from both catalogues, shown by `migrate plan`, kept in the
 * ledger by `migrate`, executed by `execute.ts`, undone by `abort.ts`.
 */
export interface MigrationPlan {
  readonly version: 1;
  readonly steps: readonly Step[];
  /** The source role's own search_path: functions behind generated columns and checks may lean on it. */
  readonly searchPath: string;
  readonly tables: readonly PlannedTable[];
  /** Objects that are made here, in the order they are made. Undone in reverse. */
  readonly made: readonly PlannedObject[];
  /** Where the target's own sequences (of auth and storage) stood, for the way back. */
  readonly sequencesBefore: readonly SequenceValue[];
  /** Objects of the source that are not made, each with the reason. */
  readonly leftOut: readonly LeftOut[];
  /** Every object of the source that should be here afterwards: key → definition. What the final comparison expects. */
  readonly expected: readonly PlannedExpectation[];
  /** Foreign keys that are left NOT VALID because rows on one side stay behind. */
  readonly unvalidated: readonly string[];
  /** Roles that only the target has: what they were granted here before is no difference. */
  readonly strangers: readonly string[];
}

export interface PlannedObject {
  readonly key: string;
  /** Statements that take it away again, or that say what the target said before (an owner, a grant, a comment). */
  readonly undo: readonly string[];
}

export interface PlannedExpectation {
  readonly key: string;
  readonly definition: string;
  /** In auth and storage the target's own objects stay as they are; a difference there is explained, not a fault. */
  readonly managed: boolean;
}

export interface LeftOut {
  readonly key: string;
  readonly why: string;
}

export interface PlannedTable {
  readonly identity: string;
  readonly schema: string;
  readonly columns: readonly ColumnInfo[];
  /** Its rows are copied with this role's rights, not with ours; null where a superuser owns the table. */
  readonly owner: string | null;
  readonly format: CopyFormat;
  /** The target made this table before the migration: it is never truncated or dropped, only emptied of what was copied. */
  readonly managed: boolean;
  readonly estimatedRows: number;
  readonly dataBytes: number;
  readonly parts: readonly PlannedPart[];
  /** One of the tables that requirement 2.3 names. */
  readonly mustVerify: boolean;
  readonly excluded: boolean;
}

export interface PlannedPart {
  readonly stepId: string;
  /** SQL condition that selects the part's rows; null for the whole table. */
  readonly where: string | null;
  /**
   * `key`: a range of the primary key, which means the same rows under any snapshot and on both sides.
   * `ctid`: a range of pages, which means something under one snapshot of the source only.
   */
  readonly by: 'whole' | 'key' | 'ctid';
  readonly bytes: number;
}

interface StepBase {
  /** `copy public.sales 2/4`, `build index public.sales_pkey`: unique, stable, readable in the ledger. */
  readonly id: string;
  /** Steps that must be done first. */
  readonly needs: readonly string[];
  /** Larger goes first. Bytes, for steps that read or write rows. */
  readonly weight: number;
}

/** Statements in one transaction on the target. */
export interface DdlStep extends StepBase {
  readonly kind: 'ddl';
  readonly statements: readonly PlannedStatement[];
}

export interface PlannedStatement {
  readonly key: string;
  readonly sql: string;
}

/** One part of one table through a pair of COPY streams. */
export interface CopyStep extends StepBase {
  readonly kind: 'copy';
  readonly table: string;
  readonly part: number;
}

/** Count and content hash of one table on both sides. */
export interface VerifyStep extends StepBase {
  readonly kind: 'verify';
  readonly table: string;
}

/** Sets every sequence to the source's last value. */
export interface SequencesStep extends StepBase {
  readonly kind: 'sequences';
  readonly sequences: readonly string[];
}

export type Step = DdlStep | CopyStep | VerifyStep | SequencesStep;

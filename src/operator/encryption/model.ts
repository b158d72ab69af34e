import type { JobContext, Observation } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';

/** A column that is to be encrypted, as the settings name it. */
export interface ColumnPolicy {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  /** Lookups by equality go on, over a keyed hash beside the ciphertext. */
  readonly blindIndex: boolean;
  /** Roles that are given plaintext. */
  readonly readers: readonly string[];
}

export type Action =
  /** Nothing of it is encrypted yet. */
  | 'encrypt'
  /** Begun and not finished. */
  | 'resume'
  | 'done'
  /** There is no such column in this database. */
  | 'absent'
  | 'blocked';

/** What the policy means for one column of this database. */
export interface ColumnPlan extends ColumnPolicy {
  readonly action: Action;
  readonly form: 'text' | 'bytea';
  readonly rowKey: readonly string[];
  /** The planner's estimate. */
  readonly rows: number;
  /** Why it is blocked. */
  readonly blockers: readonly string[];
  /** Some values are messages of pgp_sym_encrypt: to apply, their passphrases are needed. */
  readonly pgp: boolean;
  /** What will be different afterwards. */
  readonly notes: readonly string[];
}

export interface EncryptionPlan {
  readonly database: string;
  readonly columns: readonly ColumnPlan[];
}

export interface ColumnStatus {
  readonly column: string;
  readonly state: 'applying' | 'encrypted' | 'undoing';
  readonly blindIndex: boolean;
  readonly readers: readonly string[];
  /** Values by the id of their data key; `plain` counts those that are not encrypted. */
  readonly values: Readonly<Record<string, number>>;
  readonly residue: boolean;
}

export interface EncryptionStatus {
  readonly database: string;
  readonly columns: readonly ColumnStatus[];
  readonly dataKeys: ReadonlyArray<{ readonly id: string; readonly active: boolean; readonly madeAt: string }>;
  /** Two while one takes over from another. */
  readonly masterKeys: number;
}

export type EncryptionObservation = Observation &
  (
    | { event: 'encryption.table.started' | 'encryption.table.progress' | 'encryption.table.finished'; rows: number }
    | { event: 'encryption.residue.started' | 'encryption.residue.finished' | 'encryption.residue.noted' }
    | { event: 'encryption.key.noted'; id: string }
  );

export interface EncryptionInput {
  readonly target: DatabaseAddress;
  readonly policy: readonly ColumnPolicy[];
  readonly masterKey: Buffer;
}

export type Context = JobContext<EncryptionObservation>;

export function nameOf({ schema, table, column }: Pick<ColumnPolicy, 'schema' | 'table' | 'column'>): string {
  return `${schema}.${table}.${column}`;
}

/** There is work left that apply can do. */
export function isAhead({ action }: Pick<ColumnPlan, 'action'>): boolean {
  return action === 'encrypt' || action === 'resume';
}

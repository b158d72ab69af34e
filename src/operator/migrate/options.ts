import type { DatabaseAddress } from '../../foundation/postgres/address.ts';

/** What an operator decides about a migration. Kept in the ledger, so that a resumed run does what the first one meant. */
export interface MigrateChoices {
  /** Tables copied at once; each takes one connection on either side. */
  readonly jobs: number;
  /** Indexes and constraints built at once. */
  readonly buildJobs: number;
  /** Bytes per second over all tables; null for as fast as it goes. */
  readonly maxRate: number | null;
  /** Tables above this many bytes are copied in parts; null never splits. */
  readonly splitAbove: number | null;
  /** Globs of `schema.table` whose rows move; empty means all. Structure always moves whole. */
  readonly only: readonly string[];
  /** Globs of `schema.table` whose rows stay. */
  readonly exclude: readonly string[];
  /** Keys of objects to leave out knowingly, e.g. `view public.report`. */
  readonly skip: readonly string[];
  readonly format: 'auto' | 'text' | 'binary';
  readonly verify: boolean;
}

export interface MigrateEnds {
  readonly source: DatabaseAddress;
  readonly target: DatabaseAddress;
}

export const DEFAULT_CHOICES: MigrateChoices = {
  jobs: 2,
  buildJobs: 2,
  maxRate: null,
  splitAbove: 1024 ** 3,
  only: [],
  exclude: [],
  skip: [],
  format: 'auto',
  verify: true,
};

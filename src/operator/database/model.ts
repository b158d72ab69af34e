import type { Observation } from '../../foundation/core/observe.ts';

/** A table, materialised view or partitioned table that may carry indexes. Sizes are of all its partitions together. */
export interface TableFacts {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly partitioned: boolean;
  /** As of the last ANALYZE; null where there was none. */
  readonly rows: number | null;
  readonly bytes: number;
  /** Mean bytes of a value, by column, as of the last ANALYZE. */
  readonly widths: Readonly<Record<string, number>>;
  /** Columns whose type has an order, so that a B-tree can hold them. */
  readonly ordered: readonly string[];
}

export interface IndexFacts {
  readonly oid: number;
  readonly tableOid: number;
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly method: string;
  /** Key columns in order; null for an expression. */
  readonly keys: ReadonlyArray<string | null>;
  /** Everything that makes two indexes the same but for their name: keys, classes, collations, options, predicate. */
  readonly shape: string;
  readonly predicate: string | null;
  readonly unique: boolean;
  readonly valid: boolean;
  /** A build that is running now is not a broken one. */
  readonly building: boolean;
  /** It carries a constraint, the replica identity or the order of CLUSTER: never ours to drop. */
  readonly load: 'constraint' | 'replica identity' | null;
  /** Of a partitioned table: it holds no rows itself. */
  readonly partitioned: boolean;
  /** Part of a partitioned index. */
  readonly attached: boolean;
  readonly bytes: number;
  readonly scans: number;
  readonly definition: string;
}

export interface ForeignKeyFacts {
  readonly tableOid: number;
  readonly name: string;
  readonly columns: readonly string[];
  /** `auth.users`. */
  readonly references: string;
}

export interface DatabaseFacts {
  readonly tables: readonly TableFacts[];
  readonly indexes: readonly IndexFacts[];
  readonly foreignKeys: readonly ForeignKeyFacts[];
  /** Names of relations by schema: what a new index may not be called. */
  readonly taken: ReadonlyMap<string, ReadonlySet<string>>;
  /** Milliseconds over which scans have been counted. */
  readonly countedFor: number;
}

export interface IndexAction {
  readonly action: 'create' | 'rebuild' | 'drop';
  readonly schema: string;
  readonly table: string;
  readonly index: string;
  readonly columns: readonly string[];
  readonly partitioned: boolean;
  readonly reasons: readonly string[];
  readonly tableRows: number | null;
  readonly tableBytes: number;
  /** Bytes that the index takes (to be made: about) or gives back. */
  readonly bytes: number;
  /** What is run. For a partitioned table this is the first of several statements. */
  readonly statement: string;
}

/** Told, and dropped only when asked. */
export interface SpareIndex {
  readonly schema: string;
  readonly table: string;
  readonly index: string;
  readonly why: 'duplicate' | 'prefix' | 'unused';
  /** The index that does its work; null for one that nobody uses. */
  readonly instead: string | null;
  readonly bytes: number;
  readonly droppable: boolean;
  readonly definition: string;
}

export interface Advice {
  readonly version: 1;
  readonly database: string;
  readonly looked: { readonly tables: number; readonly indexes: number; readonly foreignKeys: number };
  /** Indexes that requests need: to be made, or broken and to be made again. */
  readonly wanted: readonly IndexAction[];
  readonly spare: readonly SpareIndex[];
  /** False while scans have been counted for too short a time to call an index unused. */
  readonly usageKnown: boolean;
}

export interface ActionOutcome {
  readonly action: IndexAction['action'];
  readonly index: string;
  readonly done: boolean;
  readonly ms: number;
  readonly bytes: number | null;
  /** SQLSTATE and the server's words, where it refused. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface AdviceReport extends Advice {
  /** What was done; null when only asked. */
  readonly applied: readonly ActionOutcome[] | null;
}

export type DatabaseObservation = Observation & {
  readonly event: `database.index.${'started' | 'finished' | 'failed'}`;
};

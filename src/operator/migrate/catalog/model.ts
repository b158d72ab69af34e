/**
 * A database's catalogue as one flat list of objects, each with the statement that makes it.
 *
 * The same reader runs on both sides. The plan is made from the source's list; the proof that nothing is missing is
 * the comparison of both lists, key by key and definition by definition. So what cannot be read cannot be forgotten
 * silently: the reader also returns `unsupported` for what it saw and has no statement for.
 */
export type ObjectKind =
  | 'role'
  | 'role-membership'
  | 'role-setting'
  | 'database-setting'
  | 'extension'
  | 'schema'
  | 'collation'
  | 'enum'
  | 'composite'
  | 'range'
  | 'domain'
  | 'function'
  | 'aggregate'
  | 'operator'
  | 'cast'
  | 'text-search'
  | 'sequence'
  | 'table'
  | 'attach-partition'
  | 'default'
  | 'view'
  | 'materialized-view'
  | 'index'
  | 'attach-index'
  | 'constraint'
  | 'check'
  | 'foreign-key'
  | 'statistics'
  | 'rule'
  | 'trigger'
  | 'row-security'
  | 'policy'
  | 'replica-identity'
  | 'owner'
  | 'grant'
  | 'default-privileges'
  | 'comment'
  | 'publication'
  | 'publication-table'
  | 'event-trigger';

export interface CatalogObject {
  readonly kind: ObjectKind;
  /** Unique within its kind, quoted as the server quotes it: `public.sales`, `public.f(integer)`, `"Own" on public.sales`. */
  readonly identity: string;
  /** Schema that holds it or, for triggers, policies, grants and comments, that holds what it hangs on; null for cluster-wide things. */
  readonly schema: string | null;
  /** Identity of the table (or view, matview) it hangs on, where it hangs on one. */
  readonly table: string | null;
  /** What is compared between the sides. Equal text means equal object. */
  readonly definition: string;
  /**
   * Statements that make it, in order, every name qualified: they work under `search_path = ''`. Empty for a check or
   * default that stands in its table's own statement: it is listed so that a comparison can name it.
   */
  readonly create: readonly string[];
  /** Statement that takes it away again; null when it goes with what it hangs on. */
  readonly drop: string | null;
  /** Keys (`objectKey`) of objects that must exist first. */
  readonly needs: readonly string[];
}

/** `table public.sales`: the key by which objects are matched between the sides and named in plans. */
export function objectKey(object: Pick<CatalogObject, 'kind' | 'identity'>): string {
  return `${object.kind} ${object.identity}`;
}

export interface ColumnInfo {
  readonly name: string;
  /** `format_type` text, qualified: `numeric(10,2)`, `extensions.citext`, `public.user_role`. */
  readonly type: string;
  /** What the type is below domains: drives the choice of COPY format and of hash expression. */
  readonly base: TypeInfo;
  readonly notNull: boolean;
  /** Stored generated columns are not copied; the target computes them. */
  readonly generated: boolean;
  readonly identity: 'always' | 'by default' | null;
  readonly hasDefault: boolean;
  /** False for nondeterministic collations: equal strings may differ in bytes. */
  readonly deterministicCollation: boolean;
  /** `ALTER TABLE … ADD COLUMN` of this column, for a table that exists on the target with fewer columns. */
  readonly add: string;
}

export interface TypeInfo {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'base' | 'array' | 'composite' | 'enum' | 'range' | 'multirange' | 'pseudo';
  /** True for the types every Postgres has: same oid on both sides. */
  readonly builtin: boolean;
  /** Element type of an array, subtype of a range. */
  readonly element: TypeInfo | null;
}

export interface TableInfo {
  readonly schema: string;
  readonly name: string;
  /** `"schema"."name"` where quotes are needed, as the server quotes. Same text as the identity of its `table` object. */
  readonly identity: string;
  readonly kind: 'table' | 'partitioned' | 'foreign';
  readonly unlogged: boolean;
  readonly owner: string;
  readonly columns: readonly ColumnInfo[];
  readonly primaryKey: readonly string[] | null;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
  /** Can the reading role SELECT it at all? */
  readonly readable: boolean;
  /** Planner's estimate; -1 when never analysed. */
  readonly estimatedRows: number;
  /** Main heap plus TOAST, without indexes. */
  readonly dataBytes: number;
  readonly indexBytes: number;
}

export interface SequenceInfo {
  readonly identity: string;
  readonly schema: string;
  /** Table and column that own it (serial, identity); null when it stands alone. */
  readonly ownedBy: { readonly table: string; readonly column: string } | null;
  readonly increment: string;
}

/** Something seen that the reader has no statement for, and why; shown in the plan under "will not come along". */
export interface Unsupported {
  readonly what: string;
  readonly why: string;
}

export interface Catalog {
  /** `server_version_num`, e.g. 170006. */
  readonly serverVersion: number;
  readonly objects: readonly CatalogObject[];
  readonly tables: readonly TableInfo[];
  readonly sequences: readonly SequenceInfo[];
  /** Materialized views that were made WITH NO DATA and never refreshed. */
  readonly unpopulated: readonly string[];
  readonly unsupported: readonly Unsupported[];
}

export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a column's name says it holds. */
export type Sensitivity = 'credential' | 'payment' | 'personal';

export type Command = 'select' | 'insert' | 'update' | 'delete';
export const COMMANDS: readonly Command[] = ['select', 'insert', 'update', 'delete'];

/** Of a permission: who holds it. PUBLIC is everybody. */
export interface Grant {
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
  /** Null for the whole table. */
  readonly column: string | null;
}

export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  /** Categories of pg_type: N numbers, B booleans, D dates, … */
  readonly category: string;
  readonly hasDefault: boolean;
  readonly nullable: boolean;
  /** It holds envelopes, which tell nobody anything. */
  readonly encrypted: boolean;
}

/** What one role may do by grants alone: columns by command; deleting has no columns. */
export interface Privileges {
  readonly select: readonly string[];
  readonly insert: readonly string[];
  readonly update: readonly string[];
  readonly delete: boolean;
}

export interface RelationFacts {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'view' | 'materialized view';
  readonly owner: string;
  readonly rowSecurity: boolean;
  readonly columns: readonly ColumnFacts[];
  readonly grants: readonly Grant[];
  readonly privileges: Readonly<Record<string, Privileges>>;
  /** A view that checks its reader's rights instead of its owner's. */
  readonly invoker: boolean;
  /** A view over a single table, which passes writes on to it. */
  readonly updatable: boolean;
  /** Tables that a view reads with its owner's rights: their row policies do not apply to its reader. */
  readonly bypasses: readonly string[];
  readonly published: readonly string[];
}

export interface PolicyFacts {
  readonly table: number;
  readonly name: string;
  readonly command: Command | 'all';
  readonly permissive: boolean;
  /** `public` is everybody. */
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

export interface FunctionFacts {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `p_product_id uuid`: what tells it apart from its namesakes, as ALTER FUNCTION takes it. */
  readonly signature: string;
  readonly argumentTypes: readonly string[];
  readonly returns: string;
  readonly source: string;
  readonly searchPath: boolean;
  readonly grants: readonly Grant[];
  /** Audited roles that may call it. */
  readonly callers: readonly string[];
  /** A policy calls it: whoever reads that table must be able to. */
  readonly inPolicy: boolean;
  /** Views that call it, with the rights of whoever reads them. */
  readonly inViews: readonly string[];
  readonly volatile: boolean;
}

export interface AuditFacts {
  readonly roles: readonly string[];
  /** Where a policy that nobody outside should pass goes to: service_role, else the table's owner. */
  readonly serviceRole: string | null;
  readonly relations: readonly RelationFacts[];
  readonly policies: readonly PolicyFacts[];
  /** SECURITY DEFINER only. */
  readonly functions: readonly FunctionFacts[];
  /** Names of all functions in the audited schemas with their text: what a definer function may pass through. */
  readonly sources: Readonly<Record<string, string>>;
  readonly hasExtensionsSchema: boolean;
}

/**
 * How far a policy opens a table for a role: no row, rows that are the user's own, rows that a condition without the
 * user picks, every row.
 */
export type Reach = 'none' | 'own' | 'some' | 'all';

export interface Access {
  readonly role: string;
  readonly command: Command;
  readonly reach: Reach;
  /** The policies that open it so far; empty where row security is off. */
  readonly policies: readonly PolicyFacts[];
}

export interface Fix {
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** What of the application has to change with it. */
  readonly caveat: string | null;
}

export interface Proof {
  /** `read as anon`. */
  readonly probe: string;
  readonly result: 'proven' | 'refused' | 'nothing to try';
  /** SQLSTATE, or how many rows were touched. */
  readonly detail: string;
}

export type FindingKind =
  | 'no row security'
  | 'read'
  | 'write'
  | 'insert'
  | 'view'
  | 'function'
  | 'search path'
  | 'published'
  | 'own row';

export interface Finding {
  /** Stable: `read:public.profiles`. */
  readonly id: string;
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** `public.profiles`. */
  readonly target: string;
  readonly roles: readonly string[];
  /** Columns that matter, with what their names say. */
  readonly columns: ReadonlyArray<{ readonly name: string; readonly holds: Sensitivity }>;
  /** Who can do what, in one line. */
  readonly summary: string;
  /** Policies, grants and code, as they are written. */
  readonly evidence: readonly string[];
  readonly fix: Fix | null;
  readonly proofs: readonly Proof[];
}

export interface AuditReport {
  readonly version: 1;
  readonly database: string;
  readonly roles: readonly string[];
  readonly looked: {
    readonly relations: number;
    readonly policies: number;
    readonly functions: number;
  };
  readonly counts: Readonly<Record<Severity, number>>;
  readonly findings: readonly Finding[];
  /** Ids that `audit.accepted` takes out. */
  readonly accepted: readonly string[];
  readonly proved: boolean;
}

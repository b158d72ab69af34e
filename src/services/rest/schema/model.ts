import type { SealedColumns } from '../../../foundation/encryption/sealed-columns.ts';
import type { RestOptions } from '../options.ts';
import type { PartialKeys } from './partial-keys.ts';

/** What the engine knows of the database. Every identifier in SQL comes from here or is quoted. */
export interface SchemaCache {
  readonly version: number;
  readonly relations: ReadonlyMap<string, Relation>;
  /** By source relation. */
  readonly relationships: ReadonlyMap<string, readonly Relationship[]>;
  /** By qualified name: all overloads. */
  readonly routines: ReadonlyMap<string, readonly Routine[]>;
  /** Functions of one row, by the relation's key: usable like columns. */
  readonly computedFields: ReadonlyMap<string, ReadonlyMap<string, Routine>>;
  /** Settings of roles that the connection role may become. */
  readonly roleSettings: ReadonlyMap<string, ReadonlyArray<readonly [name: string, value: string]>>;
  /** Casts between a domain and json or text, by `representationKey`: how values of the domain are shown and read. */
  readonly representations: ReadonlyMap<string, QualifiedName>;
  /** By relation or function, '' for any: what makes an answer of a media type. */
  readonly handlers: ReadonlyMap<string, ReadonlyMap<string, MediaHandler>>;
  /** By table: unique indexes over some of its rows. */
  readonly partialKeys: PartialKeys;
  /** What the database itself configures. */
  readonly overrides: Partial<RestOptions>;
  /** Encrypted columns and the keys to them. */
  readonly sealed: SealedColumns | undefined;
}

/** A domain that is named as a media type tells how an answer of that type comes about. */
export interface MediaHandler {
  /** `value`: the function's own result is the answer. Otherwise an aggregate makes it of the rows. */
  readonly kind: 'value' | 'aggregate';
  readonly routine: QualifiedName;
  /** Whose rows the aggregate takes; null when it takes any. */
  readonly target: QualifiedName | null;
  readonly contentType: string;
  /** Bytes instead of text. */
  readonly binary: boolean;
}

export function representationKey(source: string, target: string): string {
  return `${source}\u0000${target}`;
}

export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

export interface Column {
  readonly name: string;
  /** As Postgres writes it, with its schema and modifier: `numeric(10,2)`, `"My Schema".mood[]`. */
  readonly type: string;
  /** Without modifier, and what a domain stands for. */
  readonly baseType: string;
  readonly maxLength: number | null;
  readonly nullable: boolean;
  /** SQL of the value when none is given. */
  readonly initial: string | null;
  readonly description: string | null;
  readonly enumValues: readonly string[] | null;
}

export interface Relation extends QualifiedName {
  /** As in pg_class: r table, p partitioned, v view, m materialized view, f foreign. */
  readonly kind: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly primaryKey: readonly string[];
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly deletable: boolean;
  readonly description: string | null;
}

/** Column of the one side, column of the other. */
export type ColumnPair = readonly [source: string, target: string];

interface RelationshipBase {
  readonly source: QualifiedName;
  readonly target: QualifiedName;
}
export interface KeyRelationship extends RelationshipBase {
  readonly cardinality: 'many-to-one' | 'one-to-one' | 'one-to-many';
  readonly constraint: string;
  readonly columns: readonly ColumnPair[];
  /** True on the side that holds the foreign key. */
  readonly holdsKey: boolean;
  /** Its columns and constraints are not those of the key, so they do not name it. */
  readonly targetIsView: boolean;
}
export interface JunctionRelationship extends RelationshipBase {
  readonly cardinality: 'many-to-many';
  readonly junction: QualifiedName;
  readonly sourceConstraint: string;
  readonly targetConstraint: string;
  /** Source column, junction column. */
  readonly sourceColumns: readonly ColumnPair[];
  /** Junction column, target column. */
  readonly targetColumns: readonly ColumnPair[];
}
export interface ComputedRelationship extends RelationshipBase {
  readonly cardinality: 'computed';
  readonly routine: QualifiedName;
  readonly toOne: boolean;
}
export type Relationship = KeyRelationship | JunctionRelationship | ComputedRelationship;

export interface Parameter {
  readonly name: string;
  readonly type: string;
  /** The type that a value arrives as: `character` alone would cut it to one. */
  readonly wideType: string;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface Routine extends QualifiedName {
  readonly parameters: readonly Parameter[];
  readonly description: string | null;
  /** i immutable, s stable, v volatile. */
  readonly volatility: string;
  readonly returns: {
    readonly kind: 'scalar' | 'composite' | 'void';
    readonly set: boolean;
    readonly type: string;
    /** Rows of this relation. */
    readonly relation: QualifiedName | null;
    /** The planner's estimate; 1 makes a computed relationship to-one. */
    readonly rows: number;
  };
  /** `SET` clauses that have to hold before the call starts. */
  readonly settings: ReadonlyArray<readonly [string, string]>;
}

export function keyOf({ schema, name }: QualifiedName): string {
  return `${schema}\u0000${name}`;
}

export function isToOne(relationship: Relationship): boolean {
  if (relationship.cardinality === 'computed') return relationship.toOne;
  return relationship.cardinality === 'many-to-one' || relationship.cardinality === 'one-to-one';
}

import { ident } from '../../../foundation/postgres/sql.ts';
import { chooseFormat } from '../render/format.ts';
import type { MigrateChoices } from '../options.ts';
import { REQUIRED_TABLES } from '../required-tables.ts';
import { isPlatformSchema } from '../../../foundation/postgres/managed.ts';
import { isManagedSchema, staysBehind } from './scope.ts';
import { objectKey, type Catalog, type CatalogObject, type ColumnInfo, type TableInfo } from '../catalog/model.ts';
import { matchesAny } from './globs.ts';
import type { MigrationPlan, PlannedObject, PlannedPart, PlannedStatement, PlannedTable } from './model.ts';
import type { AddedColumn, Drift } from './drift.ts';
import type { SequenceValue } from '../rows/sequences.ts';
import type { Selection } from './select.ts';
import { wholePart } from './split.ts';
import { endOfTypes, planSteps } from './steps.ts';

/** Computes the plan. Pure: the same catalogues and choices give the same plan. */
export function buildPlan(input: {
  source: Catalog;
  target: Catalog;
  selection: Selection;
  /** What is made, each object after all that it needs. */
  make: readonly CatalogObject[];
  drift: Drift;
  searchPath: string;
  /** Roles that default privileges here favour and that the source does not have. */
  strangers: readonly string[];
  choices: MigrateChoices;
  /** Parts of large tables, by table identity; tables not in it are copied whole. */
  parts: ReadonlyMap<string, readonly PlannedPart[]>;
  /** Roles of the target that may do anything. */
  superusers: readonly string[];
  /** Values of the target's sequences. */
  sequences: readonly SequenceValue[];
}): MigrationPlan {
  const { source, target, selection, choices } = input;
  const make = input.make.map((object) => shutOut(adopt(object, source, target), input.strangers));
  const owner = owners(make, target, input.superusers);
  const drift = input.drift.added;
  const types = endOfTypes(make);
  const madeTables = new Set(make.filter(({ kind }) => kind === 'table').map(({ identity }) => identity));
  const tables = source.tables
    .filter((table) => table.kind === 'table' && !isPlatformSchema(table.schema) && !staysBehind(table.identity))
    .filter((table) => madeTables.has(table.identity) || targetTable(target, table) !== undefined)
    .map((table) =>
      planTable({ table, there: targetTable(target, table), owner, choices, parts: input.parts.get(table.identity) }),
    );
  const unvalidated = keysWithoutRows(make, tables);
  const sequences = movedSequences(source, target, make);
  const steps = planSteps({
    make,
    addColumns: drift.map((column) => withOwnersRights(column, owner)),
    tables,
    sourceTables: source.tables,
    sequences,
    unvalidated: new Set(unvalidated),
    unpopulated: source.unpopulated,
    verify: choices.verify,
  });
  return {
    version: 1,
    steps,
    searchPath: input.searchPath,
    tables,
    made: [
      ...make.slice(0, types).map((object) => asMade(object, target)),
      ...drift.map(columnAsMade),
      ...make.slice(types).map((object) => asMade(object, target)),
    ],
    sequencesBefore: input.sequences.filter(({ identity }) => sequences.includes(identity)),
    leftOut: selection.leftOut,
    expected: [...make, ...selection.kept].map((object) => ({
      key: objectKey(object),
      definition: object.definition,
      managed: isManagedObject(object),
    })),
    unvalidated,
    strangers: input.strangers,
  };
}

/** Whom tables belong to here: who gets them with the move, or whose they are; ours where that is a superuser. */
function owners(
  make: readonly CatalogObject[],
  target: Catalog,
  superusers: readonly string[],
): ReadonlyMap<string, string> {
  const there = target.tables.map(({ identity, owner }) => [identity, owner] as const);
  const given = make
    .filter(({ kind, identity }) => kind === 'owner' && identity.startsWith('table '))
    .map(({ identity, definition }) => [identity.slice('table '.length), definition] as const);
  return new Map([...there, ...given].filter(([, owner]) => !superusers.includes(owner)));
}

/** New objects get nothing here by default privileges for roles that the source knows nothing of. Schemas that are here keep theirs. */
function shutOut(object: CatalogObject, strangers: readonly string[]): CatalogObject {
  const [, revoke] = /^(REVOKE ALL ON .+ FROM )PUBLIC\b/s.exec(object.create[0] ?? '') ?? [];
  if (
    object.kind !== 'grant' ||
    object.identity.startsWith('schema ') ||
    revoke === undefined ||
    strangers.length === 0
  ) {
    return object;
  }
  return { ...object, create: [`${revoke}${strangers.map((role) => ident(role)).join(', ')}`, ...object.create] };
}

/** A table of auth or storage that the target lacks goes to the role that owns it on the source, as that role's service would want. */
function adopt(object: CatalogObject, source: Catalog, target: Catalog): CatalogObject {
  const table =
    object.kind === 'table' && isManagedObject(object)
      ? source.tables.find(({ identity }) => identity === object.identity)
      : undefined;
  if (!table) return object;
  const owner = ident(table.owner);
  const known = target.objects.some(
    ({ kind, identity }) => kind === 'role' && (identity === owner || identity === table.owner),
  );
  return known ? { ...object, create: [...object.create, `ALTER TABLE ${object.identity} OWNER TO ${owner}`] } : object;
}

function planTable(input: {
  table: TableInfo;
  there: TableInfo | undefined;
  owner: ReadonlyMap<string, string>;
  choices: MigrateChoices;
  parts: readonly PlannedPart[] | undefined;
}): PlannedTable {
  const { table, there, owner, choices, parts } = input;
  const excluded =
    matchesAny(choices.exclude, `${table.schema}.${table.name}`) ||
    (choices.only.length > 0 && !matchesAny(choices.only, `${table.schema}.${table.name}`));
  const columns = there ? table.columns.map((column) => reconcile(column, there)) : table.columns;
  return {
    identity: table.identity,
    schema: table.schema,
    columns,
    owner: owner.get(table.identity) ?? null,
    format: chooseFormat({ ...table, columns }, choices.format),
    managed: there !== undefined,
    estimatedRows: table.estimatedRows,
    dataBytes: table.dataBytes,
    parts: parts ?? [wholePart(table)],
    mustVerify: REQUIRED_TABLES.includes(table.identity),
    excluded,
  };
}

/**
 * A column as it will be on a table that the target made itself: computed there if the target computes it; of another
 * type perhaps (varchar for text), in which case values travel and are compared as text.
 */
function reconcile(column: ColumnInfo, there: TableInfo): ColumnInfo {
  const other = there.columns.find(({ name }) => name === column.name);
  if (!other) return column;
  const sameType = other.type === column.type;
  return {
    ...column,
    generated: column.generated || other.generated,
    base: sameType ? column.base : { ...column.base, builtin: false },
  };
}

function asMade(object: CatalogObject, target: Catalog): PlannedObject {
  const key = objectKey(object);
  const before = target.objects.find((candidate) => objectKey(candidate) === key);
  return { key, undo: before ? before.create : object.drop === null ? [] : [object.drop] };
}

function columnAsMade({ key, sql }: PlannedStatement): PlannedObject {
  const [, table, column] = /^ALTER TABLE (?:ONLY )?(.+?) ADD COLUMN ("(?:[^"]|"")+"|\S+)/i.exec(sql) ?? [];
  return { key, undo: table && column ? [`ALTER TABLE ${table} DROP COLUMN IF EXISTS ${column}`] : [] };
}

/** A default may be computed as its column is added: with the rights of the table's owner, not with ours. */
function withOwnersRights({ key, sql, table }: AddedColumn, owner: ReadonlyMap<string, string>): PlannedStatement {
  const role = owner.get(table);
  return { key, sql: role === undefined ? sql : `set local role ${ident(role)}; ${sql}; reset role` };
}

/** A foreign key cannot be proved while the rows of one of its tables stay behind. */
function keysWithoutRows(make: readonly CatalogObject[], tables: readonly PlannedTable[]): string[] {
  const excluded = new Set(tables.filter((table) => table.excluded).map((table) => `table ${table.identity}`));
  return make
    .filter((object) => object.kind === 'foreign-key')
    .filter((object) => [`table ${object.table}`, ...object.needs].some((key) => excluded.has(key)))
    .map(objectKey);
}

/** Sequences made here, owned by a table made here (identity), or of an auth or storage table whose rows move. */
function movedSequences(source: Catalog, target: Catalog, make: readonly CatalogObject[]): string[] {
  const made = new Set(make.map(objectKey));
  const there = new Set(target.sequences.map(({ identity }) => identity));
  return source.sequences
    .filter(({ schema }) => !isPlatformSchema(schema))
    .filter(
      ({ identity, ownedBy }) =>
        made.has(`sequence ${identity}`) ||
        (ownedBy !== null && made.has(`table ${ownedBy.table}`)) ||
        there.has(identity),
    )
    .map(({ identity }) => identity);
}

function targetTable(target: Catalog, table: TableInfo): TableInfo | undefined {
  return target.tables.find(({ identity }) => identity === table.identity);
}

function isManagedObject(object: CatalogObject): boolean {
  return object.schema !== null && isManagedSchema(object.schema);
}

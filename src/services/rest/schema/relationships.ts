import type { Slices } from '../../../foundation/core/slices.ts';
import {
  keyOf,
  type Column,
  type ColumnPair,
  type KeyRelationship,
  type QualifiedName,
  type Relationship,
} from './model.ts';
import type { ViewColumn } from './view-columns.ts';

export interface RawRelation extends QualifiedName {
  readonly oid: string;
  readonly kind: string;
  readonly description: string | null;
  readonly writes: number;
  readonly columns: ReadonlyArray<Column & { readonly number: number }>;
  readonly keys: ReadonlyArray<{ readonly primary: boolean; readonly columns: readonly string[] }>;
}

export interface ForeignKey {
  readonly constraint: string;
  /** pg_class oids. */
  readonly source: string;
  readonly target: string;
  readonly columns: readonly ColumnPair[];
}

export interface Catalogue {
  /** By pg_class oid. */
  readonly relations: ReadonlyMap<string, RawRelation>;
  readonly keys: readonly ForeignKey[];
  readonly views: ReadonlyMap<string, readonly ViewColumn[]>;
}

/** A relation that shows a table's columns, perhaps under other names: the table itself, or a view of it. */
interface Face {
  readonly relation: RawRelation;
  /** Column of the table to the columns that show it here. */
  readonly shows: ReadonlyMap<string, readonly string[]>;
}

interface Link {
  readonly source: RawRelation;
  readonly target: RawRelation;
  readonly constraint: string;
  readonly columns: readonly ColumnPair[];
  readonly unique: boolean;
}

/** All ways to embed one relation in another that follow from keys, those of views included. */
export async function buildRelationships(
  catalogue: Catalogue,
  slices: Slices,
): Promise<{
  relationships: Map<string, Relationship[]>;
  /** By oid; a view has that of the table whose whole key it shows. */
  primaryKeys: Map<string, readonly string[]>;
}> {
  const faces = await facesByTable(catalogue, slices);
  const primaryKeys = await findPrimaryKeys(catalogue, faces, slices);
  const links = (await slices.map(catalogue.keys, (key) => linksOf(key, catalogue, faces))).flat();
  const relationships = new Map<string, Relationship[]>();
  const add = (relationship: Relationship): void => {
    const list = relationships.get(keyOf(relationship.source));
    if (list) list.push(relationship);
    else relationships.set(keyOf(relationship.source), [relationship]);
  };
  await slices.map(links, (link) => bothDirections(link).forEach((direction) => add(direction)));
  for (const junction of junctions(links, primaryKeys)) add(junction);
  return { relationships, primaryKeys };
}

async function facesByTable({ relations, views }: Catalogue, slices: Slices): Promise<Map<string, Face[]>> {
  const faces = new Map<string, Face[]>();
  for (const relation of relations.values()) {
    await slices.pause();
    const own = new Map(relation.columns.map(({ name }) => [name, [name]]));
    faces.set(relation.oid, [{ relation, shows: own }]);
  }
  for (const oid of views.keys()) {
    await slices.pause();
    const view = relations.get(oid);
    if (!view) continue;
    const byTable = new Map<string, Map<string, string[]>>();
    for (const { name, number } of view.columns) {
      const base = trace(oid, number, { relations, views });
      if (!base) continue;
      const shows = byTable.get(base.table) ?? new Map<string, string[]>();
      shows.set(base.column, [...(shows.get(base.column) ?? []), name]);
      byTable.set(base.table, shows);
    }
    for (const [table, shows] of byTable) faces.get(table)?.push({ relation: view, shows });
  }
  return faces;
}

/** Through views over views, down to a table. */
function trace(
  oid: string,
  number: number,
  { relations, views }: Pick<Catalogue, 'relations' | 'views'>,
  depth = 0,
): { table: string; column: string } | undefined {
  const shown = views.get(oid)?.find((column) => column.number === number);
  if (views.has(oid)) {
    return shown && depth < 32 ? trace(shown.table, shown.column, { relations, views }, depth + 1) : undefined;
  }
  const column = relations.get(oid)?.columns.find((each) => each.number === number);
  return column && { table: oid, column: column.name };
}

async function findPrimaryKeys(
  { relations }: Catalogue,
  faces: ReadonlyMap<string, Face[]>,
  slices: Slices,
): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const table of relations.values()) {
    await slices.pause();
    const key = table.keys.find(({ primary }) => primary);
    if (!key) continue;
    for (const { relation, shows } of faces.get(table.oid) ?? []) {
      const columns = key.columns.map((column) => shows.get(column)?.[0]);
      // A view of several tables has the keys of all that it shows whole.
      if (columns.every((name) => name !== undefined)) {
        found.set(relation.oid, [...(found.get(relation.oid) ?? []), ...columns]);
      }
    }
  }
  return found;
}

function linksOf(key: ForeignKey, { relations }: Catalogue, faces: ReadonlyMap<string, Face[]>): Link[] {
  const holder = relations.get(key.source);
  const names = key.columns.map(([source]) => source);
  const unique = holder?.keys.some(({ columns }) => sameSet(columns, names)) ?? false;
  return (faces.get(key.source) ?? []).flatMap((from) =>
    (faces.get(key.target) ?? []).flatMap((to) =>
      pairings(key.columns, from, to).map((columns): Link => {
        return { source: from.relation, target: to.relation, constraint: key.constraint, columns, unique };
      }),
    ),
  );
}

/** A view may show a column twice; each showing is a way of its own. */
function pairings(columns: readonly ColumnPair[], from: Face, to: Face): ColumnPair[][] {
  return columns.reduce<ColumnPair[][]>(
    (ways, [source, target]) =>
      ways.flatMap((way) =>
        (from.shows.get(source) ?? []).flatMap((left) =>
          (to.shows.get(target) ?? []).map((right): ColumnPair[] => [...way, [left, right]]),
        ),
      ),
    [[]],
  );
}

function bothDirections({ source, target, constraint, columns, unique }: Link): KeyRelationship[] {
  const [from, to] = [qualified(source), qualified(target)];
  const back = columns.map(([left, right]): ColumnPair => [right, left]);
  const there = unique ? 'one-to-one' : 'many-to-one';
  const here = unique ? 'one-to-one' : 'one-to-many';
  const [fromView, toView] = [isView(source), isView(target)];
  return [
    { source: from, target: to, cardinality: there, constraint, columns, holdsKey: true, targetIsView: toView },
    { source: to, target: from, cardinality: here, constraint, columns: back, holdsKey: false, targetIsView: fromView },
  ];
}

/** Two foreign keys of one relation whose columns all belong to its primary key make it a junction. */
function junctions(links: readonly Link[], primaryKeys: ReadonlyMap<string, readonly string[]>): Relationship[] {
  const byHolder = new Map<string, Link[]>();
  for (const link of links) {
    const key = primaryKeys.get(link.source.oid) ?? [];
    if (link.unique || !link.columns.every(([column]) => key.includes(column))) continue;
    byHolder.set(link.source.oid, [...(byHolder.get(link.source.oid) ?? []), link]);
  }
  return [...byHolder.values()].flatMap((list) =>
    list.flatMap((one) =>
      list
        .filter((other) => other.constraint !== one.constraint)
        .map((other): Relationship => ({
          cardinality: 'many-to-many',
          source: qualified(one.target),
          target: qualified(other.target),
          junction: qualified(one.source),
          sourceConstraint: one.constraint,
          targetConstraint: other.constraint,
          sourceColumns: one.columns.map(([junction, source]) => [source, junction]),
          targetColumns: other.columns,
        })),
    ),
  );
}

function isView({ kind }: RawRelation): boolean {
  return kind === 'v' || kind === 'm';
}

function qualified({ schema, name }: QualifiedName): QualifiedName {
  return { schema, name };
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item) => other.includes(item));
}

/** The order in which an ambiguity lists its candidates. */
const CARDINALITIES = ['one-to-many', 'many-to-one', 'one-to-one', 'many-to-many', 'computed'];

/** Kept for embedding: what leads, through nothing hidden, to an exposed schema; in the order of `candidates`. */
export function exposedOnly(list: readonly Relationship[], schemas: readonly string[]): Relationship[] {
  const exposed = ({ schema }: QualifiedName): boolean => schemas.includes(schema);
  return list
    .filter((each) => exposed(each.source) && exposed(each.target))
    .filter((each) => each.cardinality !== 'many-to-many' || exposed(each.junction))
    .map((each) => ({ each, rank: rankOf(each) }))
    .toSorted((a, b) => compareLists(a.rank, b.rank))
    .map(({ each }) => each);
}

function rankOf(each: Relationship): string[] {
  const place = [each.target.schema, each.target.name, String(CARDINALITIES.indexOf(each.cardinality))];
  if (each.cardinality === 'computed') return [...place, each.routine.name];
  if (each.cardinality !== 'many-to-many') return [...place, each.constraint, ...each.columns.flat()];
  const { junction, sourceConstraint, targetConstraint, sourceColumns, targetColumns } = each;
  return [
    ...place,
    junction.schema,
    junction.name,
    sourceConstraint,
    targetConstraint,
    ...sourceColumns.flat(),
    ...targetColumns.flat(),
  ];
}

function compareLists(one: readonly string[], other: readonly string[]): number {
  const at = one.findIndex((item, index) => item !== other[index]);
  const [left, right] = [one[at] ?? '', other[at] ?? ''];
  return at < 0 || left === right ? 0 : left < right ? -1 : 1;
}

import { arrayLiteral } from './array-literal.ts';
import { IN_DATABASE, readOverrides } from './in-database.ts';
import type { Column, Parameter, QualifiedName, Relation, Routine, SchemaCache } from './model.ts';
import { keyOf } from './model.ts';
import { FOREIGN_KEYS, RELATIONS, ROLE_SETTINGS, ROUTINES, TIMEZONES, VIEWS } from './queries.ts';
import { buildRelationships, type Catalogue, type ForeignKey, type RawRelation } from './relationships.ts';
import { viewColumns } from './view-columns.ts';

/** Gives the single text value of a query. */
export type ReadText = (text: string, values: readonly string[]) => Promise<string>;

interface LoadOptions {
  readonly schemas: readonly string[];
  readonly extraSearchPath: readonly string[];
}

/** Reads the catalogue. Some tens of milliseconds for a hundred tables; the old cache serves meanwhile. */
export async function loadSchema(read: ReadText, options: LoadOptions): Promise<SchemaCache> {
  const json = async <T>(text: string, values: readonly string[] = []): Promise<T> =>
    JSON.parse(await read(text, values)) as T;
  const overrides = readOverrides(await json<Record<string, string>>(IN_DATABASE));
  const { schemas, extraSearchPath } = { ...options, ...overrides };
  const places = [...new Set([...schemas, ...extraSearchPath])];
  const [raw, keys, trees, rawRoutines, settings, zones] = await Promise.all([
    json<RawRelation[]>(RELATIONS),
    json<ForeignKey[]>(FOREIGN_KEYS),
    json<Array<{ oid: string; tree: string }>>(VIEWS),
    json<RawRoutine[]>(ROUTINES, [arrayLiteral(places)]),
    json<Array<{ role: string; name: string; value: string }>>(ROLE_SETTINGS),
    json<string[]>(TIMEZONES),
  ]);
  const catalogue: Catalogue = {
    relations: new Map(raw.map((relation) => [relation.oid, relation])),
    keys,
    views: new Map(trees.map(({ oid, tree }) => [oid, viewColumns(tree)])),
  };
  const { relationships, primaryKeys } = buildRelationships(catalogue);
  const relations = new Map(raw.map((each) => [keyOf(each), toRelation(each, primaryKeys)]));
  const routines = rawRoutines.map((each) => toRoutine(each, catalogue));
  const computedFields = new Map<string, Map<string, Routine>>();
  for (const { routine, firstClass } of routines) {
    const owner = catalogue.relations.get(firstClass);
    if (!owner || routine.parameters.length !== 1) continue;
    const key = keyOf(owner);
    if (routine.returns.set && routine.returns.relation) {
      const list = relationships.get(key) ?? [];
      const { relation: target, rows } = routine.returns;
      const { schema, name } = routine;
      list.push({
        cardinality: 'computed',
        source: name2(owner),
        target,
        routine: { schema, name },
        toOne: rows === 1,
      });
      relationships.set(key, list);
    } else if (!routine.returns.set) {
      computedFields.set(key, (computedFields.get(key) ?? new Map<string, Routine>()).set(routine.name, routine));
    }
  }
  return {
    version: nextVersion++,
    relations,
    relationships,
    routines: groupBy(
      routines.map(({ routine }) => routine).filter(({ schema }) => schemas.includes(schema)),
      keyOf,
    ),
    computedFields,
    roleSettings: new Map(
      [...groupBy(settings, ({ role }) => role)].map(([role, list]) => [
        role,
        list.map(({ name, value }) => [name, value] as const),
      ]),
    ),
    timezones: new Set(zones),
    overrides,
  };
}

let nextVersion = 1;

interface RawRoutine extends QualifiedName {
  readonly description: string | null;
  readonly volatility: string;
  readonly config: readonly string[] | null;
  readonly set: boolean;
  readonly rows: number;
  readonly returns: string;
  readonly returnKind: string;
  readonly returnClass: string;
  readonly tableColumns: boolean;
  readonly firstClass: string | null;
  readonly parameters: readonly Parameter[];
}

/** INSERT 8, UPDATE 4, DELETE 16: the bits of pg_relation_is_updatable. */
function toRelation(raw: RawRelation, primaryKeys: ReadonlyMap<string, readonly string[]>): Relation {
  const { schema, name, kind, description, writes, oid } = raw;
  const columns = new Map<string, Column>(raw.columns.map((column) => [column.name, column]));
  return {
    schema,
    name,
    kind,
    columns,
    description,
    primaryKey: primaryKeys.get(oid) ?? [],
    insertable: (writes & 8) !== 0,
    updatable: (writes & 4) !== 0,
    deletable: (writes & 16) !== 0,
  };
}

function toRoutine(raw: RawRoutine, { relations }: Catalogue): { routine: Routine; firstClass: string } {
  const { schema, name, description, volatility, parameters, set, rows, returns: type } = raw;
  const relation = relations.get(raw.returnClass);
  const composite = raw.tableColumns || raw.returnKind === 'c' || relation !== undefined;
  const kind = type === 'void' ? 'void' : composite ? 'composite' : type === 'record' ? 'record' : 'scalar';
  const routine: Routine = {
    schema,
    name,
    description,
    volatility,
    parameters,
    returns: { kind, set, type, rows, relation: relation ? name2(relation) : null },
    settings: (raw.config ?? [])
      .map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)] as const)
      .filter(([setting]) => HOISTED.has(setting)),
  };
  return { routine, firstClass: raw.firstClass ?? '' };
}

/** Settings that a running statement no longer obeys, so they must hold before it starts. */
const HOISTED = new Set(['statement_timeout', 'plan_filter.statement_cost_limit', 'default_transaction_isolation']);

function name2({ schema, name }: QualifiedName): QualifiedName {
  return { schema, name };
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

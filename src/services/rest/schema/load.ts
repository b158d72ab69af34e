import { Slices } from '../../../foundation/core/slices.ts';
import { arrayLiteral } from './array-literal.ts';
import { asSetNow, IN_DATABASE, readOverrides, settingNames } from './in-database.ts';
import type { Column, MediaHandler, Parameter, QualifiedName, Relation, Routine, SchemaCache } from './model.ts';
import { keyOf, representationKey } from './model.ts';
import { FOREIGN_KEYS, HANDLERS, RELATIONS, REPRESENTATIONS, ROLE_SETTINGS, ROUTINES, VIEWS } from './queries.ts';
import { PARTIAL_KEYS, partialKeysByTable, type PartialKey } from './partial-keys.ts';
import { buildRelationships, exposedOnly, type Catalogue, type ForeignKey, type RawRelation } from './relationships.ts';
import { viewColumns } from './view-columns.ts';

/** Gives the single text value of a query. */
export type ReadText = (text: string, values: readonly string[]) => Promise<string>;

/** Gives the single text column of a query's rows. */
export type ReadTexts = (text: string, values: readonly string[]) => Promise<readonly string[]>;

/** What the database keeps encrypted; needs the master key, so whoever has it hands this in. */
export type ReadSealed = (read: ReadText, previous: SchemaCache['sealed']) => Promise<SchemaCache['sealed']>;

interface LoadOptions {
  readonly schemas: readonly string[];
  readonly extraSearchPath: readonly string[];
}

/**
 * Reads the catalogue. Some tens of milliseconds for a hundred tables, a second for two thousand; the old cache serves
 * meanwhile, so nothing here may keep the event loop for long.
 */
export async function loadSchema(
  readAll: ReadTexts,
  options: LoadOptions,
  readSealed?: ReadSealed,
  previous?: SchemaCache,
): Promise<SchemaCache> {
  const slices = new Slices();
  const read: ReadText = async (text, values) => (await readAll(text, values))[0] ?? 'null';
  const list = async <T>(text: string, values: readonly string[] = []): Promise<T[]> => {
    // Postgres takes the list apart: one text of some megabytes could only be parsed at once.
    const items = await readAll(`select item::text from json_array_elements((${text})::json) as item`, values);
    return slices.map(items, (item) => JSON.parse(item) as T);
  };
  const sealed = await readSealed?.(read, previous?.sealed);
  const json: ReadJson = async <T>(text: string, values: readonly string[] = []) =>
    JSON.parse(await read(text, values)) as T;
  const overrides = readOverrides(await inDatabase(json));
  const { schemas, extraSearchPath } = { ...options, ...overrides };
  const places = [...new Set([...schemas, ...extraSearchPath])];
  const [raw, keys, trees, rawRoutines, settings, casts, handlers, partialKeys] = await Promise.all([
    list<RawRelation>(RELATIONS),
    list<ForeignKey>(FOREIGN_KEYS),
    list<{ oid: string; tree: string }>(VIEWS),
    list<RawRoutine>(ROUTINES, [arrayLiteral(places)]),
    json<Array<{ role: string; name: string; value: string }>>(ROLE_SETTINGS),
    json<RawRepresentation[]>(REPRESENTATIONS),
    json<RawHandler[]>(HANDLERS, [arrayLiteral(schemas)]),
    json<Array<PartialKey & QualifiedName>>(PARTIAL_KEYS),
  ]);
  const catalogue: Catalogue = {
    relations: new Map(raw.map((relation) => [relation.oid, relation])),
    keys,
    views: new Map(await slices.map(trees, ({ oid, tree }) => [oid, viewColumns(tree)] as const)),
  };
  const { relationships, primaryKeys } = await buildRelationships(catalogue, slices);
  const relations = new Map(await slices.map(raw, (each) => [keyOf(each), toRelation(each, primaryKeys)] as const));
  const routines = await slices.map(rawRoutines, (each) => toRoutine(each, catalogue));
  const computedFields = new Map<string, Map<string, Routine>>();
  for (const { routine, firstClass } of routines) {
    const owner = catalogue.relations.get(firstClass);
    if (!owner || routine.parameters.length !== 1) continue;
    const { schema, name, returns } = routine;
    const key = keyOf(owner);
    if (returns.relation) {
      const toOne = !returns.set || returns.rows === 1;
      const computed = { cardinality: 'computed', source: name2(owner), target: returns.relation } as const;
      const known = relationships.get(key) ?? [];
      relationships.set(key, [...known, { ...computed, routine: { schema, name }, toOne }]);
    }
    if (!returns.set) {
      computedFields.set(key, (computedFields.get(key) ?? new Map<string, Routine>()).set(name, routine));
    }
  }
  return {
    version: nextVersion++,
    relations,
    relationships: new Map(
      await slices.map([...relationships], ([key, each]) => [key, exposedOnly(each, schemas)] as const),
    ),
    routines: groupBy(
      routines.flatMap(({ routine, callable }) => (callable && schemas.includes(routine.schema) ? [routine] : [])),
      keyOf,
    ),
    computedFields,
    roleSettings: new Map(
      [...groupBy(settings, ({ role }) => role)].map(([role, own]) => [
        role,
        own.map(({ name, value }) => [name, value] as const),
      ]),
    ),
    representations: new Map(casts.map(({ source, target, ...each }) => [representationKey(source, target), each])),
    handlers: handlersByOwner(handlers),
    partialKeys: partialKeysByTable(partialKeys),
    overrides,
    sealed,
  };
}

let nextVersion = 1;

/** Settings of the connection role, and over them those that its function `pgrst.db_pre_config` makes. */
async function inDatabase(json: ReadJson): Promise<Record<string, string>> {
  const settings = await json<Record<string, string>>(IN_DATABASE);
  const preConfig = settings['db_pre_config'];
  if (preConfig === undefined) return settings;
  return { ...settings, ...(await json<Record<string, string>>(asSetNow(preConfig), [arrayLiteral(settingNames())])) };
}

type ReadJson = <T>(text: string, values?: readonly string[]) => Promise<T>;

interface RawRoutine extends QualifiedName {
  readonly description: string | null;
  readonly volatility: string;
  readonly config: readonly string[] | null;
  readonly set: boolean;
  readonly rows: number;
  readonly returns: string;
  /** pg_class oid of the row type behind any domain; 0 for none. */
  readonly returnClass: string;
  readonly composite: boolean | null;
  /** All its parameters can be named, or it takes the whole body. */
  readonly callable: boolean;
  readonly firstClass: string | null;
  readonly parameters: readonly Parameter[];
}

interface RawRepresentation extends QualifiedName {
  readonly source: string;
  readonly target: string;
}

type RawHandler = MediaHandler & { readonly type: string };

function handlersByOwner(list: readonly RawHandler[]): Map<string, Map<string, MediaHandler>> {
  const found = new Map<string, Map<string, MediaHandler>>();
  for (const { type, ...handler } of list) {
    const owner = handler.kind === 'value' ? handler.routine : handler.target;
    const key = owner ? keyOf(owner) : '';
    found.set(key, (found.get(key) ?? new Map<string, MediaHandler>()).set(type, handler));
  }
  return found;
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

function toRoutine(raw: RawRoutine, { relations }: Catalogue) {
  const { schema, name, description, volatility, parameters, set, rows, returns: type, callable } = raw;
  const relation = relations.get(raw.returnClass);
  const kind = type === 'void' ? 'void' : raw.composite === true ? 'composite' : 'scalar';
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
  return { routine, callable, firstClass: raw.firstClass ?? '' };
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

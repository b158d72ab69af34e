import { objectKey, type CatalogObject, type ObjectKind, type TableInfo } from '../catalog/model.ts';
import { ident } from '../../../foundation/postgres/sql.ts';
import { chain, lastOf } from './chain.ts';
import type { DdlStep, PlannedStatement, PlannedTable, Step } from './model.ts';

/** Kinds that must stand before rows can land. */
const BEFORE_DATA = new Set<ObjectKind>([
  ...([
    'role',
    'role-membership',
    'extension',
    'schema',
    'collation',
    'enum',
    'composite',
    'range',
    'domain',
    'function',
    'aggregate',
  ] as const),
  ...([
    'operator',
    'cast',
    'text-search',
    'sequence',
    'table',
    'attach-partition',
    'default',
    'view',
    'materialized-view',
  ] as const),
]);
const BUILT_PER_TABLE = new Set<ObjectKind>(['index', 'constraint', 'check', 'attach-index']);
/** Below this many bytes a transaction costs more than what it does: such a table gets all of its own in one. */
const SMALL_TABLE = 8 * 1024 ** 2;

interface StepsInput {
  /** Objects to make, sorted so that each comes after what it needs. */
  readonly make: readonly CatalogObject[];
  readonly addColumns: readonly PlannedStatement[];
  readonly tables: readonly PlannedTable[];
  readonly sourceTables: readonly TableInfo[];
  readonly sequences: readonly string[];
  readonly unvalidated: ReadonlySet<string>;
  /** Materialized views that are empty on the source too. */
  readonly unpopulated: readonly string[];
  readonly verify: boolean;
}

/**
 * The order of a migration as a graph:
 *
 *   schema 1 → … → schema n ─┬→ copy T ─┬→ build index … → constrain T ─┐
 *                            │          └→ verify T                     ├→ partitioned → late → foreign keys → validate T → finish → refresh → event triggers
 *                            └→ sequences                    analyze T ←┘
 *
 * `finish` (triggers, policies, grants …) locks many tables in one transaction, so it waits for every step that holds
 * more than one lock: no two steps can deadlock.
 */
export function planSteps(input: StepsInput): Step[] {
  const early = earlyKeys(input.make);
  const of = (kinds: (object: CatalogObject) => boolean, isEarly: boolean): CatalogObject[] =>
    input.make.filter((object) => kinds(object) && early.has(objectKey(object)) === isEarly);

  const schema = chain('schema', withAddedColumns(of(isBeforeData, true), input.addColumns), []);
  const ready = lastOf(schema);
  const copies = input.tables.filter((table) => !table.excluded).flatMap((table) => copySteps(table, ready));
  const perTable = tableSteps(input, ready);
  const constrained = [...copies, ...perTable.constrain].map(({ id }) => id);
  const partitioned = chain('partitioned', statements(perTable.partitioned), constrained.concat(ready));
  const late = chain('late', statements(of(isBeforeData, false)), lastOf(partitioned, constrained.concat(ready)));
  const lateDone = lastOf(late, lastOf(partitioned, constrained.concat(ready)));

  const foreignKeys = input.make.filter(({ kind }) => kind === 'foreign-key');
  const addKeys = chain(
    'foreign keys',
    [
      ...foreignKeys.flatMap((object) => object.create.slice(0, 1).map((sql) => ({ key: objectKey(object), sql }))),
      ...statements(input.make.filter(isKeyComment)),
    ],
    lateDone,
  );
  const keysDone = lastOf(addKeys, lateDone);
  const validations = validationSteps(foreignKeys, input, keysDone);

  const isRest = (object: CatalogObject): boolean =>
    !isBeforeData(object) &&
    !BUILT_PER_TABLE.has(object.kind) &&
    object.kind !== 'foreign-key' &&
    !isKeyComment(object) &&
    !isWatcher(object);
  const finish = chain(
    'finish',
    statements(input.make.filter(isRest)),
    keysDone.concat(validations.map(({ id }) => id)),
  );
  const finished = lastOf(finish, keysDone);
  // Alone in its step: a resumed run does it again when rows came again.
  const refresh = chain('refresh', refreshStatements(input.make, input.unpopulated), finished);
  const refreshed = lastOf(refresh, finished);
  const views = chain('indexes of views', afterViews(perTable.onViews, input.make), refreshed);
  // Last: an event trigger would run the owner's code, as our superuser, at each statement that follows it.
  const watchers = chain('event triggers', statements(input.make.filter(isWatcher)), lastOf(views, refreshed));
  const sequences: Step[] =
    input.sequences.length === 0
      ? []
      : [{ kind: 'sequences', id: 'sequences', needs: ready, weight: 0, sequences: input.sequences }];
  return [
    ...schema,
    ...copies,
    ...perTable.all,
    ...partitioned,
    ...late,
    ...addKeys,
    ...validations,
    ...finish,
    ...refresh,
    ...views,
    ...watchers,
    ...sequences,
  ];
}

/** Owners follow what they own. Usage of a schema is granted early, because rows are copied with their owner's rights. */
function isBeforeData(object: CatalogObject): boolean {
  const about = object.identity.split(' ')[0] as ObjectKind;
  if (object.kind === 'owner') return BEFORE_DATA.has(about);
  return BEFORE_DATA.has(object.kind) || (object.kind === 'grant' && about === 'schema');
}

/** Said with the key: a resumed run may drop all keys and make them again. */
function isKeyComment({ kind, identity }: CatalogObject): boolean {
  return kind === 'comment' && identity.startsWith('foreign-key ');
}

function isWatcher({ kind, identity }: CatalogObject): boolean {
  return kind === 'event-trigger' || (kind === 'comment' && identity.startsWith('event-trigger '));
}

/** Columns that auth and storage get: after the types and functions they may lean on, before their defaults and the views that may show them. */
function withAddedColumns(
  early: readonly CatalogObject[],
  addColumns: readonly PlannedStatement[],
): PlannedStatement[] {
  const cut = endOfTypes(early);
  return [...statements(early.slice(0, cut)), ...addColumns, ...statements(early.slice(cut))];
}

/** How many of these sorted objects come before the columns that auth and storage get. */
export function endOfTypes(sorted: readonly CatalogObject[]): number {
  const after: readonly ObjectKind[] = ['table', 'attach-partition', 'default', 'view', 'materialized-view'];
  const end = sorted.findIndex(({ kind }) => after.includes(kind));
  return end === -1 ? sorted.length : end;
}

/** Objects that need nothing that comes only after the data, e.g. not a view that groups by a primary key. */
function earlyKeys(sorted: readonly CatalogObject[]): Set<string> {
  const made = new Map(sorted.map((object) => [objectKey(object), object]));
  const early = new Set<string>();
  for (const object of sorted) {
    if (!isBeforeData(object)) continue;
    if (object.needs.every((need) => !made.has(need) || early.has(need))) early.add(objectKey(object));
  }
  return early;
}

function copySteps(table: PlannedTable, needs: readonly string[]): Step[] {
  return table.parts.map((part, index) => ({
    kind: 'copy',
    id: part.stepId,
    table: table.identity,
    part: index,
    needs,
    weight: part.bytes + 2 ** 40,
  }));
}

interface TableSteps {
  readonly all: Step[];
  readonly constrain: DdlStep[];
  /** Indexes and constraints of partitioned parents, and what attaches their children's to them. */
  readonly partitioned: CatalogObject[];
  /** Indexes of materialized views. */
  readonly onViews: CatalogObject[];
}

function tableSteps(input: StepsInput, ready: readonly string[]): TableSteps {
  const planned = new Map(input.tables.map((table) => [table.identity, table]));
  const parents = new Set(
    input.sourceTables.filter(({ kind }) => kind === 'partitioned').map(({ identity }) => identity),
  );
  const partitioned: CatalogObject[] = [];
  const onViews: CatalogObject[] = [];
  const byTable = new Map<string, CatalogObject[]>();
  for (const object of input.make) {
    if (!BUILT_PER_TABLE.has(object.kind) || object.create.length === 0) continue;
    const table = object.table ?? '';
    if (parents.has(table) || object.kind === 'attach-index') partitioned.push(object);
    else if (!planned.has(table)) onViews.push(object);
    else byTable.set(table, [...(byTable.get(table) ?? []), object]);
  }

  const all: Step[] = [];
  const constrain: DdlStep[] = [];
  for (const [identity, table] of planned) {
    const copied = !table.excluded ? table.parts.map(({ stepId }) => stepId) : ready;
    const weight = table.dataBytes;
    const objects = byTable.get(identity) ?? [];
    const indexes = objects.filter(({ kind }) => kind === 'index');
    const rest = objects
      .filter(({ kind }) => kind !== 'index')
      .flatMap((object) =>
        object.kind === 'check' ? asOwner(table.owner, statements([object])) : statements([object]),
      );
    const analyze = table.excluded ? [] : [{ key: `table ${identity}`, sql: `analyze ${identity}` }];
    const id = `constrain ${identity}`;
    const small = table.dataBytes < SMALL_TABLE;
    const builds = (small ? [] : indexes).map((object): DdlStep => ({
      kind: 'ddl',
      id: `build ${objectKey(object)}`,
      statements: statements([object]),
      needs: copied,
      weight,
    }));
    const constraints: DdlStep = {
      kind: 'ddl',
      id,
      statements: small ? [...statements(indexes), ...rest, ...analyze] : rest,
      needs: copied.concat(builds.map((build) => build.id)),
      weight,
    };
    all.push(...builds, constraints);
    constrain.push(constraints);
    if (table.excluded) continue;
    if (!small) all.push({ kind: 'ddl', id: `analyze ${identity}`, statements: analyze, needs: [id], weight: 0 });
    if (input.verify)
      all.push({ kind: 'verify', id: `verify ${identity}`, table: identity, needs: copied, weight: table.dataBytes });
  }
  return { all, constrain, partitioned, onViews };
}

/** A check's expression may call functions of the source: they run with the rights of the owner, not with ours. */
function asOwner(owner: string | null, list: PlannedStatement[]): PlannedStatement[] {
  const [first] = list;
  if (!first || owner === null) return list;
  return [{ key: first.key, sql: `set local role ${ident(owner)}` }, ...list, { key: first.key, sql: 'reset role' }];
}

/** Indexes of views, and checks of domains, which look at all the rows there are. */
function afterViews(objects: readonly CatalogObject[], make: readonly CatalogObject[]): PlannedStatement[] {
  return objects.flatMap((object) => {
    const [, domain] = / on (domain .+)$/s.exec(object.kind === 'check' ? object.identity : '') ?? [];
    const owner = make.find(({ kind, identity }) => kind === 'owner' && identity === domain)?.definition ?? null;
    return asOwner(owner, statements([object]));
  });
}

/** All keys of one table in one step: VALIDATE locks the table against another VALIDATE anyway. */
function validationSteps(
  foreignKeys: readonly CatalogObject[],
  input: StepsInput,
  needs: readonly string[],
): DdlStep[] {
  const byTable = new Map<string, PlannedStatement[]>();
  for (const object of foreignKeys) {
    const key = objectKey(object);
    const sql = object.create[1];
    if (sql === undefined || input.unvalidated.has(key)) continue;
    byTable.set(object.table ?? '', [...(byTable.get(object.table ?? '') ?? []), { key, sql }]);
  }
  const weightOf = new Map(input.tables.map((table) => [table.identity, table.dataBytes]));
  return [...byTable].map(([table, list]) => ({
    kind: 'ddl',
    id: `validate ${table}`,
    statements: list,
    needs,
    weight: weightOf.get(table) ?? 0,
  }));
}

function refreshStatements(make: readonly CatalogObject[], unpopulated: readonly string[]): PlannedStatement[] {
  return make
    .filter(({ kind, identity }) => kind === 'materialized-view' && !unpopulated.includes(identity))
    .map((object) => ({ key: objectKey(object), sql: `refresh materialized view ${object.identity}` }));
}

function statements(objects: readonly CatalogObject[]): PlannedStatement[] {
  return objects.flatMap((object) => object.create.map((sql) => ({ key: objectKey(object), sql })));
}

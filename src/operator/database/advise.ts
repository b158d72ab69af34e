import { ident } from '../../foundation/postgres/sql.ts';
import type { Advice, DatabaseFacts, IndexAction, IndexFacts, SpareIndex, TableFacts } from './model.ts';
import { indexName } from './names.ts';

/** A week holds the jobs that run once in a while; an index that none of them used is one to look at. */
const USAGE_KNOWN_AFTER_MS = 7 * 24 * 3600 * 1000;

/**
 * Which indexes should be made, made again, or could go: a pure function of the catalogue.
 *
 * @param columns names of columns that requests search by: they get an index wherever they occur
 */
export function advise(facts: DatabaseFacts, database: string, columns: readonly string[]): Advice {
  const usageKnown = facts.countedFor >= USAGE_KNOWN_AFTER_MS;
  return {
    version: 1,
    database,
    looked: {
      tables: facts.tables.length,
      indexes: facts.indexes.length,
      foreignKeys: facts.foreignKeys.length,
    },
    wanted: [...broken(facts), ...missing(facts, columns)],
    spare: spare(facts, usageKnown),
    usageKnown,
  };
}

/** True when equality on all of `columns` can be looked up in the index: they are its first keys, in any order. */
export function leads(index: Pick<IndexFacts, 'keys' | 'method' | 'predicate'>, columns: readonly string[]): boolean {
  const first = index.keys.slice(0, columns.length);
  const searchable = index.method === 'btree' || (index.method === 'hash' && columns.length === 1);
  const whole = index.predicate === null || columns.some((name) => isNotNull(index.predicate, name));
  return searchable && whole && columns.every((name) => first.includes(name));
}

/** `(col IS NOT NULL)`: a search for a value of that column never misses a row by it. */
function isNotNull(predicate: string | null, column: string): boolean {
  return predicate === `(${column} IS NOT NULL)` || predicate === `(${ident(column)} IS NOT NULL)`;
}

/** INVALID and not being built: a build was killed. Postgres maintains such an index and never reads it. */
function broken({ indexes, tables }: DatabaseFacts): IndexAction[] {
  return indexes
    .filter(({ valid, building, partitioned }) => !valid && !building && !partitioned)
    .map((index) => {
      // What REINDEX CONCURRENTLY leaves when it is killed; the index that it was for is still there.
      const leftover = /_cc(new|old)\d*$/.test(index.name);
      const name = ident(index.schema, index.name);
      const table = tables.find(({ oid }) => oid === index.tableOid);
      return {
        action: leftover ? 'drop' : 'rebuild',
        schema: index.schema,
        table: index.table,
        index: index.name,
        columns: index.keys.map((key) => key ?? '(expression)'),
        partitioned: false,
        reasons: [leftover ? 'left by a rebuild that was killed' : 'invalid: its build was killed'],
        tableRows: table?.rows ?? null,
        tableBytes: table?.bytes ?? 0,
        bytes: index.bytes,
        statement: leftover ? `drop index concurrently ${name}` : `reindex index concurrently ${name}`,
      };
    });
}

interface Wish {
  readonly table: TableFacts;
  readonly columns: readonly string[];
  readonly reasons: string[];
}

function missing(facts: DatabaseFacts, columns: readonly string[]): IndexAction[] {
  // A broken one counts as there: it is rebuilt, not made twice. Only a partitioned one is completed by its own action.
  const there = facts.indexes.filter(({ valid, partitioned }) => valid || !partitioned);
  const covered = ({ table, columns: wanted }: Wish): boolean =>
    there.some((index) => index.tableOid === table.oid && leads(index, wanted));
  const chosen: Wish[] = [];
  // The widest first: an index on (a, b) serves a wish for (a) too.
  for (const wish of wishes(facts, columns).toSorted((a, b) => b.columns.length - a.columns.length)) {
    if (covered(wish)) continue;
    const other = chosen.find(
      ({ table, columns: keys }) =>
        table === wish.table && leads({ keys, method: 'btree', predicate: null }, wish.columns),
    );
    if (other) other.reasons.push(...wish.reasons);
    else chosen.push(wish);
  }
  const taken = new Map([...facts.taken].map(([schema, names]) => [schema, new Set(names)]));
  return chosen
    .toSorted((a, b) => compare(a.table.schema, b.table.schema) || compare(a.table.table, b.table.table))
    .map((wish) => creation(wish, facts, taken.get(wish.table.schema) ?? new Set()));
}

function wishes({ tables, foreignKeys }: DatabaseFacts, columns: readonly string[]): Wish[] {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  return [
    ...foreignKeys.flatMap((key): Wish[] => {
      const table = byOid.get(key.tableOid);
      return table ? [{ table, columns: key.columns, reasons: [`foreign key to ${key.references}`] }] : [];
    }),
    ...tables.flatMap((table) =>
      columns
        .filter((name) => table.ordered.includes(name))
        .map((name): Wish => ({ table, columns: [name], reasons: [`searched by ${name}`] })),
    ),
  ];
}

function creation({ table, columns, reasons }: Wish, facts: DatabaseFacts, taken: Set<string>): IndexAction {
  // A partitioned index that was begun is INVALID until every partition has its part: it is completed under its name.
  const begun = facts.indexes.find(
    ({ tableOid, partitioned, valid, keys }) =>
      tableOid === table.oid && partitioned && !valid && keys.join('\0') === columns.join('\0'),
  );
  const index = begun?.name ?? indexName(table.table, columns, taken);
  taken.add(index);
  return {
    action: 'create',
    schema: table.schema,
    table: table.table,
    index,
    columns,
    partitioned: table.partitioned,
    reasons,
    tableRows: table.rows,
    tableBytes: table.bytes,
    bytes: estimatedBytes(table, columns),
    statement: createStatement(index, table, columns),
  };
}

export function createStatement(
  index: string,
  { schema, table, partitioned }: Pick<TableFacts, 'schema' | 'table' | 'partitioned'>,
  columns: readonly string[],
): string {
  const keys = columns.map((name) => ident(name)).join(', ');
  return partitioned
    ? `create index ${ident(index)} on only ${ident(schema, table)} (${keys})`
    : `create index concurrently ${ident(index)} on ${ident(schema, table)} (${keys})`;
}

/** Of a B-tree without duplicates: 12 bytes a row besides the value, in steps of 8, pages 90 % full. An upper bound mostly. */
function estimatedBytes({ rows, widths }: TableFacts, columns: readonly string[]): number {
  const width = columns.reduce((sum, name) => sum + (widths[name] ?? 16), 0);
  const pages = Math.ceil(((rows ?? 0) * (12 + Math.ceil(width / 8) * 8)) / (8192 * 0.9));
  return (pages + 1) * 8192;
}

function spare({ indexes, foreignKeys }: DatabaseFacts, usageKnown: boolean): SpareIndex[] {
  return indexes.flatMap((index): SpareIndex[] => {
    if (!index.valid || index.attached) return [];
    const others = indexes.filter((other) => other.tableOid === index.tableOid && other !== index && other.valid);
    const twin = others.find((other) => other.shape === index.shape && outranks(other, index));
    const found = (why: SpareIndex['why'], instead: string | null, droppable: boolean): SpareIndex[] => [
      {
        schema: index.schema,
        table: index.table,
        index: index.name,
        why,
        instead,
        bytes: index.bytes,
        droppable: droppable && index.load === null && !index.partitioned,
        definition: index.definition,
      },
    ];
    if (twin) return found('duplicate', twin.name, true);
    if (index.unique || index.load !== null) return [];
    const longer = others.find((other) => isPrefix(index, other));
    if (longer) return found('prefix', longer.name, false);
    const keyed = foreignKeys.some((key) => key.tableOid === index.tableOid && leads(index, key.columns));
    return usageKnown && index.scans === 0 && !keyed ? found('unused', null, true) : [];
  });
}

/** Of two equal indexes the one that enforces or carries something stays, else the older one. */
function outranks(a: IndexFacts, b: IndexFacts): boolean {
  const rank = ({ load, unique }: IndexFacts): number => (load !== null ? 2 : 0) + (unique ? 1 : 0);
  return rank(a) > rank(b) || (rank(a) === rank(b) && a.oid < b.oid);
}

/** A narrower B-tree is smaller and may be the faster one, so this is told and never acted upon. */
function isPrefix(index: IndexFacts, other: IndexFacts): boolean {
  const plain = ({ method, predicate, keys }: IndexFacts): boolean =>
    method === 'btree' && predicate === null && !keys.includes(null);
  return (
    plain(index) &&
    plain(other) &&
    other.keys.length > index.keys.length &&
    index.keys.every((key, place) => other.keys[place] === key)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

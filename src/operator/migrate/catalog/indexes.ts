import { storageOptions } from './columns.ts';
import {
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  words,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';
import { objectKey, type Unsupported } from './model.ts';

type IndexRow = {
  oid: number;
  schema: string;
  identity: string;
  quoted: string;
  table: string;
  definition: string | null;
  partitioned: boolean;
  valid: boolean;
  clustered: boolean;
  parent: number | null;
  options: string[] | null;
  statistics: string[] | null;
  constraint_oid: number | null;
  constraint_name: string | null;
  constraint_type: string | null;
  constraint_definition: string | null;
  deferrable: boolean;
  deferred: boolean;
  period: boolean;
};

export interface Indexes extends Part {
  /** For an index on a partitioned table, by its object's key: the attach-index objects below it, at every level. */
  readonly attachedTo: ReadonlyMap<string, readonly string[]>;
}

/**
 * Indexes and the constraints that stand on them. A primary key or unique constraint is two objects, the index (which
 * can be built beside others) and the constraint that adopts it; where Postgres knows no USING INDEX (exclusion,
 * partitioned tables, WITHOUT OVERLAPS) it is the constraint alone.
 */
export async function readIndexes(context: ReadContext): Promise<Indexes> {
  const rows = await scoped<IndexRow>(
    context,
    `select x.indexrelid as oid, n.nspname as schema, ${qualified('n.nspname', 'i.relname')} as identity,
       quote_ident(i.relname) as quoted, ${qualified('n.nspname', 't.relname')} as "table",
       pg_get_indexdef(x.indexrelid) as definition, i.relkind = 'I' as partitioned, x.indisvalid as valid,
       x.indisclustered as clustered, h.inhparent as parent, to_json(i.reloptions) as options,
       (select json_agg(a.attnum || ' SET STATISTICS ' || a.attstattarget order by a.attnum) from pg_attribute a
         where a.attrelid = i.oid and a.attstattarget >= 0) as statistics,
       k.oid as constraint_oid, quote_ident(k.conname) as constraint_name, k.contype as constraint_type,
       pg_get_constraintdef(k.oid) as constraint_definition, coalesce(k.condeferrable, false) as deferrable,
       coalesce(k.condeferred, false) as deferred, coalesce((to_jsonb(k) ->> 'conperiod')::bool, false) as period
     from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
     join pg_namespace n on n.oid = t.relnamespace
     left join pg_inherits h on h.inhrelid = i.oid
     left join pg_constraint k on k.conindid = i.oid and k.conrelid = t.oid and k.contype in ('p', 'u', 'x')
     where t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't' and n.nspname = any($1)
       and ${notOfExtension(CLASS.relation, 't.oid')}`,
  );
  const drafts: Draft[] = [];
  const unsupported: Unsupported[] = [];
  const keys = new Map<number, string>();
  for (const row of rows) {
    // A partitioned index is not valid until every partition has one; an invalid plain index was never finished.
    if (row.definition === null || (!row.valid && !row.partitioned)) {
      unsupported.push({
        what: `index ${row.identity}`,
        why: 'it is not valid on the source: building it was given up',
      });
      continue;
    }
    const made = isDirect(row) ? [directConstraint(row)] : [indexDraft(row), ...adoptingConstraint(row)];
    drafts.push(...made);
    const last = made.at(-1);
    if (last) keys.set(row.oid, objectKey(last));
  }
  const attached = rows.filter((row) => keys.has(row.oid) && row.parent !== null && keys.has(row.parent));
  const parents = new Map(rows.map((row) => [row.oid, row]));
  const parts = partsOf(attached, keys);
  const withParts = drafts.map((draft): Draft => ({
    ...draft,
    needs: [...draft.needs, ...(parts.get(objectKey(draft)) ?? [])],
  }));
  withParts.push(...attached.flatMap((row) => attachDraft(row, parents.get(row.parent ?? 0), keys)));
  return { drafts: withParts, unsupported, attachedTo: attachedBelow(attached, keys) };
}

function isDirect(row: IndexRow): boolean {
  return row.constraint_oid !== null && (row.constraint_type === 'x' || row.partitioned || row.period);
}

function indexDraft(row: IndexRow): Draft {
  const extras = alterations(row, []);
  return makeDraft({
    kind: 'index',
    identity: row.identity,
    schema: row.schema,
    table: row.table,
    definition: [row.definition ?? '', ...extras].join('\n'),
    create: [row.definition ?? '', ...extras],
    sqlName: `INDEX ${row.identity}`,
    // Gone already where it went with its constraint or with the index that it is part of.
    drop: `DROP INDEX ${row.constraint_oid === null && row.parent === null ? '' : 'IF EXISTS '}${row.identity}`,
    address: address(CLASS.relation, row.oid),
  });
}

function alterations(row: IndexRow, options: readonly string[] | null): string[] {
  const storage = storageOptions(options);
  return [
    ...(storage.length === 0 ? [] : [`ALTER INDEX ${row.identity} SET (${storage.join(', ')})`]),
    ...(row.statistics ?? []).map((tail) => `ALTER INDEX ${row.identity} ALTER COLUMN ${tail}`),
    ...(row.clustered ? [`ALTER TABLE ${row.table} CLUSTER ON ${row.quoted}`] : []),
  ];
}

function constraintDraft(row: IndexRow, oid: number, more: Pick<Draft, 'create' | 'carries'> & Partial<Draft>): Draft {
  const name = row.constraint_name ?? row.quoted;
  return makeDraft({
    kind: 'constraint',
    identity: `${name} on ${row.table}`,
    schema: row.schema,
    table: row.table,
    definition: row.constraint_definition ?? '',
    sqlName: `CONSTRAINT ${name} ON ${row.table}`,
    drop: `ALTER TABLE ${row.table} DROP CONSTRAINT ${row.parent === null ? '' : 'IF EXISTS '}${name}`,
    address: address(CLASS.constraint, oid),
    ...more,
  });
}

function adoptingConstraint(row: IndexRow): Draft[] {
  if (row.constraint_oid === null) return [];
  const word = row.constraint_type === 'p' ? 'PRIMARY KEY' : 'UNIQUE';
  const statement = words(
    `ALTER TABLE ONLY ${row.table} ADD CONSTRAINT ${row.constraint_name ?? ''} ${word} USING INDEX ${row.quoted}`,
    row.deferrable && 'DEFERRABLE',
    row.deferred && 'INITIALLY DEFERRED',
  );
  const draft = constraintDraft(row, row.constraint_oid, {
    create: [statement],
    carries: [address(CLASS.constraint, row.constraint_oid)],
    needs: [`index ${row.identity}`],
  });
  return [draft];
}

function directConstraint(row: IndexRow): Draft {
  const oid = row.constraint_oid ?? 0;
  const extras = alterations(row, row.partitioned ? null : row.options);
  const add = `ALTER TABLE ONLY ${row.table} ADD CONSTRAINT ${row.constraint_name ?? ''} ${row.constraint_definition ?? ''}`;
  return constraintDraft(row, oid, {
    definition: [row.constraint_definition ?? '', ...extras].join('\n'),
    create: [add, ...extras],
    carries: [address(CLASS.constraint, oid), address(CLASS.relation, row.oid)],
  });
}

function attachDraft(row: IndexRow, parent: IndexRow | undefined, keys: ReadonlyMap<number, string>): Draft[] {
  if (parent === undefined) return [];
  const draft = makeDraft({
    kind: 'attach-index',
    identity: row.identity,
    schema: row.schema,
    table: row.table,
    definition: `PARTITION OF ${parent.identity}`,
    create: [`ALTER INDEX ${parent.identity} ATTACH PARTITION ${row.identity}`],
    needs: [keys.get(parent.oid) ?? '', keys.get(row.oid) ?? '', `attach-partition ${row.table}`],
  });
  return [draft];
}

/**
 * By the key of an index on a partitioned table, the keys of its parts. It is made after them, though it need not be:
 * so that in the opposite order it goes first and takes them along, as a part that is attached cannot go alone.
 */
function partsOf(rows: readonly IndexRow[], keys: ReadonlyMap<number, string>): Map<string, string[]> {
  const parts = new Map<string, string[]>();
  for (const row of rows) {
    const parent = keys.get(row.parent ?? 0) ?? '';
    parts.set(parent, [...(parts.get(parent) ?? []), keys.get(row.oid) ?? '']);
  }
  return parts;
}

function attachedBelow(rows: readonly IndexRow[], keys: ReadonlyMap<number, string>): Map<string, string[]> {
  const children = new Map<number, IndexRow[]>();
  for (const row of rows) children.set(row.parent ?? 0, [...(children.get(row.parent ?? 0) ?? []), row]);
  const below = (oid: number): string[] =>
    (children.get(oid) ?? []).flatMap((row) => [`attach-index ${row.identity}`, ...below(row.oid)]);
  return new Map([...children.keys()].map((oid) => [keys.get(oid) ?? '', below(oid)]));
}

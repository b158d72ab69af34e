import { readChecks, type Check } from './checks.ts';
import { defaultIdentity, readColumns, storageOptions, type Column } from './columns.ts';
import {
  aclJson,
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  words,
  type AclItem,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';
import { bareKeywords } from './keywords.ts';
import type { TableInfo } from './model.ts';
import type { Sequences } from './sequences.ts';
import { readTypeInfo } from './type-info.ts';

export type TableRow = {
  oid: number;
  schema: string;
  name: string;
  identity: string;
  kind: 'r' | 'p' | 'f';
  owner: number;
  acl: AclItem[] | null;
  row_type: number;
  row_array: number;
  unlogged: boolean;
  method: string | null;
  partition: boolean;
  partition_key: string | null;
  bound: string | null;
  parents: string[] | null;
  parent_defaults: string[] | null;
  of_type: string | null;
  options: string[] | null;
  toast_options: string[] | null;
  primary_key: string[] | null;
  row_security: boolean;
  force_row_security: boolean;
  readable: boolean;
  estimated_rows: string;
  data_bytes: string;
  index_bytes: string;
};

const TABLES = `select c.oid, n.nspname as schema, c.relname as name, ${qualified('n.nspname', 'c.relname')} as identity,
    c.relkind as kind, c.relowner as owner, ${aclJson('c.relacl', 'r', 'c.relowner')} as acl,
    c.reltype as row_type, coalesce(rt.typarray, 0) as row_array, c.relpersistence = 'u' as unlogged,
    case when am.amname <> 'heap' then quote_ident(am.amname) end as method,
    c.relispartition as partition, case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key,
    pg_get_expr(c.relpartbound, c.oid) as bound,
    (select json_agg(${qualified('pn.nspname', 'p.relname')} order by i.inhseqno) from pg_inherits i
       join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
     where i.inhrelid = c.oid) as parents,
    (select json_agg(a.attname) from pg_inherits i join pg_attribute a on a.attrelid = i.inhparent and a.atthasdef
       and a.attgenerated = '' where i.inhrelid = c.oid and not c.relispartition) as parent_defaults,
    case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
    to_json(c.reloptions) as options, to_json(toast.reloptions) as toast_options,
    (select json_agg(a.attname order by k.ord) from pg_index x
       cross join lateral unnest(x.indkey::int2[]) with ordinality k(attnum, ord)
       join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
     where x.indrelid = c.oid and x.indisprimary and k.ord <= x.indnkeyatts) as primary_key,
    c.relrowsecurity as row_security, c.relforcerowsecurity as force_row_security,
    has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as readable,
    c.reltuples::float8 as estimated_rows,
    case when c.relkind = 'r' then pg_table_size(c.oid) else 0 end as data_bytes,
    case when c.relkind = 'r' and c.relhasindex then pg_indexes_size(c.oid) else 0 end as index_bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join pg_type rt on rt.oid = c.reltype
  left join pg_am am on am.oid = c.relam left join pg_class toast on toast.oid = c.reltoastrelid
  where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and n.nspname = any($1)
    and ${notOfExtension(CLASS.relation, 'c.oid')}`;

export interface Tables extends Part {
  readonly infos: TableInfo[];
}

/** Tables with their columns, defaults and checks, and how partitions hang together. Foreign tables are told, not made. */
export async function readTables(context: ReadContext, sequences: Sequences): Promise<Tables> {
  const typeInfo = await readTypeInfo(context);
  const columnsOf = await readColumns(context, sequences.identityOptions, typeInfo);
  const checksOf = await readChecks(context);
  const rows = await scoped<TableRow>(context, TABLES);
  const drafts: Draft[] = [];
  for (const row of rows) {
    if (row.kind === 'f') continue;
    const columns = columnsOf.get(row.oid) ?? [];
    const checks = checksOf.get(row.oid) ?? [];
    drafts.push(tableDraft(row, columns, checks, sequences.ownedBy.get(row.oid) ?? []));
    drafts.push(...columns.flatMap((column) => defaultDraft(row, column)));
    drafts.push(...checks.filter((check) => check.local).map((check) => checkDraft(row, check)));
    if (row.partition) drafts.push(attachDraft(row));
  }
  return {
    drafts,
    infos: rows.map((row) => tableInfo(context, row, columnsOf.get(row.oid) ?? [])),
    unsupported: rows
      .filter((row) => row.kind === 'f')
      .map((row) => ({
        what: `foreign table ${row.identity}`,
        why: 'its rows live on another server; only that server can hand them over',
      })),
  };
}

/**
 * A partition is made as a table of its own and attached later, so that its columns keep their order; a child of
 * classic inheritance lists only what it adds, and is compared with its columns sorted, as that order can differ.
 */
function tableDraft(
  row: TableRow,
  columns: readonly Column[],
  checks: readonly Check[],
  owned: readonly string[],
): Draft {
  const inherits = !row.partition && row.parents !== null;
  const listed = inherits ? columns.filter((column) => column.local) : columns;
  const inline = checks.filter((check) => !check.separate && (check.local || row.partition));
  const lines = [
    ...listed.map((column) =>
      words(
        column.clause,
        column.default !== null && !column.default.separate && `DEFAULT ${column.default.text}`,
        column.notNull && 'NOT NULL',
      ),
    ),
    ...inline.map((check) => `CONSTRAINT ${check.quoted} ${check.definition}`),
  ];
  const options = [...storageOptions(row.options), ...storageOptions(row.toast_options, 'toast.')];
  const tail = words(
    inherits && `INHERITS (${(row.parents ?? []).join(', ')})`,
    row.partition_key !== null && `PARTITION BY ${row.partition_key}`,
    row.method !== null && `USING ${row.method}`,
    options.length > 0 && `WITH (${options.join(', ')})`,
  );
  const head = `CREATE ${row.unlogged ? 'UNLOGGED ' : ''}TABLE ${row.identity}`;
  const body = lines.length === 0 ? '()' : `(\n  ${lines.join(',\n  ')}\n)`;
  const only = `ALTER TABLE ONLY ${row.identity}`;
  const alterations = columns.flatMap((column) =>
    column.alterations.map((alteration) => `${only} ALTER COLUMN ${column.quoted} ${alteration}`),
  );
  const compared = columns.map((column) => words(column.clause, column.notNull && 'NOT NULL', ...column.alterations));
  return makeDraft({
    kind: 'table',
    identity: row.identity,
    schema: row.schema,
    definition: [
      words(row.unlogged && 'UNLOGGED', 'TABLE', row.of_type !== null && `OF ${row.of_type}`, tail),
      ...(inherits ? compared.toSorted() : compared),
    ].join('\n'),
    create: [
      words(`${head} ${body}`, tail),
      ...(inherits ? inheritedColumns(row, columns, only) : []),
      ...alterations,
      ...(row.of_type === null ? [] : [`ALTER TABLE ${row.identity} OF ${row.of_type}`]),
      ...owned,
    ],
    sqlName: `TABLE ${row.identity}`,
    address: address(CLASS.relation, row.oid),
    carries: [
      address(CLASS.relation, row.oid),
      address(CLASS.type, row.row_type),
      address(CLASS.type, row.row_array),
      ...inline.map((check) => address(CLASS.constraint, check.oid)),
      ...columns.flatMap(carriedDefault),
    ],
    owner: row.owner,
    acl: row.acl ?? [],
  });
}

/** The expression of a generated column, or a default inside CREATE TABLE, is the table's own dependency. */
function carriedDefault(column: Column): string[] {
  if (column.default !== null) return column.default.separate ? [] : [address(CLASS.default, column.default.oid)];
  return column.generatedOid === null ? [] : [address(CLASS.default, column.generatedOid)];
}

/** What a child of classic inheritance changed on the columns it was given. */
function inheritedColumns(row: TableRow, columns: readonly Column[], only: string): string[] {
  const given = columns.filter((column) => !column.local);
  return given.flatMap((column) => [
    ...(column.notNull ? [`${only} ALTER COLUMN ${column.quoted} SET NOT NULL`] : []),
    ...(column.default !== null && !column.default.separate
      ? [`${only} ALTER COLUMN ${column.quoted} SET DEFAULT ${column.default.text}`]
      : []),
    ...(column.default === null && row.parent_defaults?.includes(column.name) === true && !column.generated
      ? [`${only} ALTER COLUMN ${column.quoted} DROP DEFAULT`]
      : []),
  ]);
}

function defaultDraft(row: TableRow, column: Column): Draft[] {
  if (column.default === null) return [];
  const { oid, text, separate } = column.default;
  const alter = `ALTER TABLE ONLY ${row.identity} ALTER COLUMN ${column.quoted}`;
  const draft = makeDraft({
    kind: 'default',
    identity: defaultIdentity(row.identity, column.quoted),
    schema: row.schema,
    table: row.identity,
    definition: text,
    create: separate ? [`${alter} SET DEFAULT ${text}`] : [],
    drop: separate ? `${alter} DROP DEFAULT` : null,
    address: address(CLASS.default, oid),
    carries: separate ? [address(CLASS.default, oid)] : [],
  });
  return [draft];
}

/** Not ONLY: a check belongs to the whole tree unless it says NO INHERIT. */
function checkDraft(row: TableRow, check: Check): Draft {
  const own = address(CLASS.constraint, check.oid);
  return makeDraft({
    kind: 'check',
    identity: `${check.quoted} on ${row.identity}`,
    schema: row.schema,
    table: row.identity,
    definition: check.definition,
    create: check.separate ? [`ALTER TABLE ${row.identity} ADD CONSTRAINT ${check.quoted} ${check.definition}`] : [],
    drop: check.separate ? `ALTER TABLE ${row.identity} DROP CONSTRAINT ${check.quoted}` : null,
    sqlName: `CONSTRAINT ${check.quoted} ON ${row.identity}`,
    address: own,
    carries: check.separate ? [own] : [],
  });
}

function attachDraft(row: TableRow): Draft {
  const parent = row.parents?.[0] ?? '';
  return makeDraft({
    kind: 'attach-partition',
    identity: row.identity,
    schema: row.schema,
    table: row.identity,
    definition: `PARTITION OF ${parent} ${row.bound ?? ''}`,
    create: [`ALTER TABLE ONLY ${parent} ATTACH PARTITION ${row.identity} ${row.bound ?? ''}`],
    drop: `ALTER TABLE ${parent} DETACH PARTITION ${row.identity}`,
    needs: [`table ${parent}`],
  });
}

const KIND = { r: 'table', p: 'partitioned', f: 'foreign' } as const;

function tableInfo(context: ReadContext, row: TableRow, columns: readonly Column[]): TableInfo {
  return {
    schema: row.schema,
    name: row.name,
    identity: bareKeywords(row.identity),
    kind: KIND[row.kind],
    unlogged: row.unlogged,
    owner: context.roles.get(row.owner)?.name ?? String(row.owner),
    columns: columns.map((column) => column.info),
    primaryKey: row.primary_key,
    rowSecurity: row.row_security,
    forceRowSecurity: row.force_row_security,
    readable: row.readable,
    estimatedRows: Number(row.estimated_rows),
    dataBytes: Number(row.data_bytes),
    indexBytes: Number(row.index_bytes),
  };
}

import { qualified, scoped, words, type ReadContext } from './context.ts';
import type { ColumnInfo, TypeInfo } from './model.ts';
import { readSeparateDefaults } from './separate.ts';

export interface Column {
  readonly attnum: number;
  readonly name: string;
  readonly quoted: string;
  readonly info: ColumnInfo;
  /** Name, type, and what always stands with them: the part of the column that is compared as the table's. */
  readonly clause: string;
  readonly notNull: boolean;
  readonly local: boolean;
  readonly inherited: boolean;
  readonly generated: boolean;
  /** pg_attrdef's oid of a generated column's expression. */
  readonly generatedOid: number | null;
  readonly default: { readonly oid: number; readonly text: string; readonly separate: boolean } | null;
  /** Tails of `ALTER TABLE … ALTER COLUMN …` for what CREATE TABLE cannot say before Postgres 16. */
  readonly alterations: readonly string[];
}

type ColumnRow = {
  rel: number;
  table: string;
  kind: string;
  partition: boolean;
  attnum: number;
  name: string;
  quoted: string;
  type: string;
  type_oid: number;
  not_null: boolean;
  generated: string;
  identity: string;
  local: boolean;
  inherited: boolean;
  collation: string | null;
  deterministic: boolean;
  storage: string | null;
  compression: string;
  statistics: number | null;
  options: string[] | null;
  expression: string | null;
  default_oid: number | null;
};

/** SQL: every row is known to hold a value. 18 can declare that for new rows alone; see checks.ts. */
function notNull({ version }: ReadContext): string {
  if (version < 180_000) return 'a.attnotnull';
  return `a.attnotnull and not exists (select from pg_constraint u where u.conrelid = c.oid and u.contype = 'n'
    and not u.convalidated and u.conkey[1] = a.attnum)`;
}

const STORAGE: Record<string, string> = { p: 'PLAIN', e: 'EXTERNAL', m: 'MAIN', x: 'EXTENDED' };
const COMPRESSION: Record<string, string> = { p: 'pglz', l: 'lz4' };

/** Columns of tables, by table oid, in their physical order. */
export async function readColumns(
  context: ReadContext,
  identityOptions: ReadonlyMap<string, string>,
  typeInfo: (oid: number) => TypeInfo,
): Promise<ReadonlyMap<number, readonly Column[]>> {
  const separate = await readSeparateDefaults(context);
  const rows = await scoped<ColumnRow>(
    context,
    `select c.oid as rel, ${qualified('n.nspname', 'c.relname')} as "table", c.relkind as kind,
       c.relispartition as partition, a.attnum, a.attname as name, quote_ident(a.attname) as quoted,
       format_type(a.atttypid, a.atttypmod) as type, a.atttypid as type_oid, ${notNull(context)} as not_null,
       a.attgenerated as generated, a.attidentity as identity, a.attislocal as local, a.attinhcount > 0 as inherited,
       case when a.attcollation <> t.typcollation then ${qualified('cn.nspname', 'co.collname')} end as collation,
       coalesce(co.collisdeterministic, true) as deterministic,
       case when a.attstorage <> t.typstorage then a.attstorage end as storage, a.attcompression as compression,
       nullif(a.attstattarget, -1) as statistics,
       -- the two that an owner can set; servers keep marks of their own there (seen: pg_attver in Debian's 17.12)
       (select json_agg(o) from unnest(a.attoptions) o where o like 'n_distinct%') as options,
       pg_get_expr(d.adbin, d.adrelid) as expression, d.oid as default_oid
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     left join pg_collation co on co.oid = a.attcollation left join pg_namespace cn on cn.oid = co.collnamespace
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum and a.atthasdef
     where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and n.nspname = any($1)
     order by c.oid, a.attnum`,
  );
  const byTable = new Map<number, Column[]>();
  for (const row of rows) {
    const column = toColumn(row, identityOptions.get(`${row.rel}:${row.attnum}`), typeInfo(row.type_oid), separate);
    const columns = byTable.get(row.rel);
    if (columns) columns.push(column);
    else byTable.set(row.rel, [column]);
  }
  return byTable;
}

function toColumn(
  row: ColumnRow,
  identityOptions: string | undefined,
  base: TypeInfo,
  separate: ReadonlySet<number>,
): Column {
  const generated = row.generated !== '';
  const identity = row.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT';
  const clause = words(
    row.quoted,
    row.type,
    row.collation !== null && `COLLATE ${row.collation}`,
    generated && `GENERATED ALWAYS AS (${row.expression ?? ''}) ${row.generated === 's' ? 'STORED' : 'VIRTUAL'}`,
    // A partition takes its identity from its parent when it is attached (17 and later).
    row.identity !== '' && !row.partition && `GENERATED ${identity} AS IDENTITY (${identityOptions ?? ''})`,
  );
  const hasDefault = row.expression !== null && row.default_oid !== null && !generated;
  const defaultText = hasDefault ? row.expression : null;
  return {
    attnum: row.attnum,
    name: row.name,
    quoted: row.quoted,
    clause,
    notNull: row.not_null,
    local: row.local,
    inherited: row.inherited,
    generated,
    generatedOid: generated ? row.default_oid : null,
    default:
      defaultText === null || row.default_oid === null
        ? null
        : { oid: row.default_oid, text: defaultText, separate: separate.has(row.default_oid) },
    alterations: alterations(row),
    info: {
      name: row.name,
      type: row.type,
      base,
      notNull: row.not_null,
      generated,
      identity: row.identity === 'a' ? 'always' : row.identity === 'd' ? 'by default' : null,
      hasDefault,
      deterministicCollation: row.deterministic,
      add: words(
        `ALTER ${row.kind === 'f' ? 'FOREIGN ' : ''}TABLE ${row.table} ADD COLUMN ${clause}`,
        defaultText !== null && `DEFAULT ${defaultText}`,
        row.not_null && 'NOT NULL',
      ),
    },
  };
}

function alterations(row: ColumnRow): string[] {
  const storage = row.storage === null ? undefined : STORAGE[row.storage];
  const compression = COMPRESSION[row.compression];
  return [
    ...(storage === undefined ? [] : [`SET STORAGE ${storage}`]),
    ...(compression === undefined ? [] : [`SET COMPRESSION ${compression}`]),
    ...(row.statistics === null ? [] : [`SET STATISTICS ${row.statistics}`]),
    ...(row.options === null ? [] : [`SET (${row.options.join(', ')})`]),
  ];
}

/** `[name = value, …]` of pg_class.reloptions as they stand in WITH (…). */
export function storageOptions(options: readonly string[] | null, prefix = ''): string[] {
  return (options ?? []).map((option) => {
    const at = option.indexOf('=');
    return `${prefix}${option.slice(0, at)}='${option.slice(at + 1).replaceAll("'", "''")}'`;
  });
}

/** What a default or a view's column default is named by. */
export function defaultIdentity(table: string, quotedColumn: string): string {
  return `${table}.${quotedColumn}`;
}

import { encryptedNames } from '../../foundation/encryption/encrypted-names.ts';
import { isPlatformSchema, isSystemSchema, MANAGED_SCHEMAS } from '../../foundation/postgres/managed.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import type { DatabaseFacts, ForeignKeyFacts, IndexFacts, TableFacts } from './model.ts';

/** What the catalogue says about tables, indexes and foreign keys of the owner's schemas. Reads only. */
export async function readFacts(session: Session): Promise<DatabaseFacts> {
  const schemas = await ownSchemas(session);
  const [tables, indexes, foreignKeys] = [
    await session.rows<Numbers<TableFacts>>(TABLES, [schemas]),
    await session.rows<Numbers<IndexFacts>>(INDEXES, [schemas]),
    await session.rows<ForeignKeyFacts & Record<string, unknown>>(FOREIGN_KEYS, [schemas]),
  ];
  const encrypted = await encryptedNames(session);
  const names = await session.rows<{ schema: string; name: string }>(NAMES, [schemas]);
  const [statistics] = await session.rows<{ ms: string }>(COUNTED_FOR);
  const taken = new Map<string, Set<string>>(schemas.map((schema) => [schema, new Set()]));
  for (const { schema, name } of names) taken.get(schema)?.add(name);
  return {
    tables: tables.map((table) => ({
      ...table,
      rows: table.rows === null ? null : Number(table.rows),
      bytes: Number(table.bytes),
      // Nobody searches by an envelope: `encryption apply` makes the index that searches use.
      ordered: table.ordered.filter((column) => !encrypted.has(`${table.schema}.${table.table}.${column}`)),
    })),
    indexes: indexes.map((index) => ({ ...index, bytes: Number(index.bytes), scans: Number(index.scans) })),
    foreignKeys,
    taken,
    countedFor: Number(statistics?.ms ?? 0),
  };
}

/** int8 arrives as text. */
type Numbers<T> = { [K in keyof T]: K extends 'rows' | 'bytes' | 'scans' ? string | Extract<T[K], null> : T[K] };

/** Neither Postgres' own nor those that the platform and its extensions keep. */
async function ownSchemas(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>('select nspname::text as name from pg_catalog.pg_namespace');
  return rows
    .map(({ name }) => name)
    .filter((name) => !isSystemSchema(name) && !isPlatformSchema(name) && !MANAGED_SCHEMAS.includes(name));
}

/** Partitions count for the table that they are part of; tables of extensions are not the owner's. */
const TABLES = `
  select c.oid, n.nspname::text as schema, c.relname::text as table, c.relkind = 'p' as partitioned,
    size.rows::text as rows, size.bytes::text as bytes,
    coalesce((select json_object_agg(s.attname, s.avg_width) from pg_catalog.pg_stats s
       where s.schemaname = n.nspname and s.tablename = c.relname and s.inherited = (c.relkind = 'p')), '{}') as widths,
    (select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_catalog.pg_attribute a
       join pg_catalog.pg_type t on t.oid = a.atttypid
       join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and (b.typcategory in ('S', 'E', 'R') or exists (
          select from pg_catalog.pg_operator o where o.oprname = '<' and o.oprleft = b.oid and o.oprright = b.oid))
    ) as ordered
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  cross join lateral (
    select sum(nullif(greatest(p.reltuples, -1), -1))::bigint as rows, coalesce(sum(pg_catalog.pg_table_size(p.oid)), 0) as bytes
    from pg_catalog.pg_class p
    where p.oid = c.oid or (c.relkind = 'p' and p.oid in (select relid from pg_catalog.pg_partition_tree(c.oid)))
  ) size
  where n.nspname = any($1) and c.relkind in ('r', 'p', 'm') and not c.relispartition and c.relpersistence <> 't'
    and not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by 2, 3`;

const INDEXES = `
  select i.indexrelid as oid, i.indrelid as "tableOid", n.nspname::text as schema, c.relname::text as table,
    x.relname::text as name, m.amname::text as method,
    (select json_agg(a.attname order by k.place) from unnest(i.indkey::int2[]) with ordinality k (attnum, place)
       left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum <> 0
      where k.place <= i.indnkeyatts) as keys,
    concat_ws('/', m.amname, i.indkey, i.indnkeyatts, i.indclass, i.indcollation, i.indoption,
      pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid),
      case when i.indisunique and i.indnullsnotdistinct then 'nulls equal' end) as shape,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate,
    i.indisunique as unique, i.indisvalid and i.indisready as valid,
    exists (select from pg_catalog.pg_stat_progress_create_index b where b.index_relid = i.indexrelid) as building,
    case when i.indisreplident then 'replica identity'
         when i.indisclustered or exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid) then 'constraint'
    end as load,
    x.relkind = 'I' as partitioned,
    exists (select from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid) as attached,
    pg_catalog.pg_relation_size(i.indexrelid)::text as bytes,
    coalesce(s.idx_scan, 0)::text as scans, pg_catalog.pg_get_indexdef(i.indexrelid) as definition
  from pg_catalog.pg_index i
  join pg_catalog.pg_class x on x.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = x.relam
  join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_stat_all_indexes s on s.indexrelid = i.indexrelid
  where n.nspname = any($1) and c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
    and not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by 3, 4, i.indexrelid`;

/** A partition's copy of a foreign key follows the index of its parent. */
const FOREIGN_KEYS = `
  select k.conrelid as "tableOid", k.conname::text as name, f.nspname || '.' || r.relname as references,
    (select json_agg(a.attname order by c.place) from unnest(k.conkey) with ordinality c (attnum, place)
       join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum) as columns
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class r on r.oid = k.confrelid join pg_catalog.pg_namespace f on f.oid = r.relnamespace
  where k.contype = 'f' and k.conparentid = 0 and n.nspname = any($1)
  order by n.nspname, c.relname, k.conname`;

const NAMES = `
  select n.nspname::text as schema, c.relname::text as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = any($1)`;

/** Without a reset the counters are at least as old as the server's start. */
const COUNTED_FOR = `
  select (extract(epoch from now() - coalesce(stats_reset, pg_catalog.pg_postmaster_start_time())) * 1000)::bigint::text as ms
  from pg_catalog.pg_stat_database where datname = current_database()`;

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
  type ReadContext,
} from './context.ts';
import { bareKeywords } from './keywords.ts';
import type { SequenceInfo } from './model.ts';

type SequenceRow = {
  oid: number;
  schema: string;
  identity: string;
  owner: number;
  acl: AclItem[] | null;
  unlogged: boolean;
  type: string;
  start: string;
  increment: string;
  min: string;
  max: string;
  cache: string;
  cycle: boolean;
  table_oid: number | null;
  table: string | null;
  column: string | null;
  attnum: number | null;
  internal: boolean;
};

export interface Sequences {
  readonly drafts: Draft[];
  readonly infos: SequenceInfo[];
  /** Options of the identity column at `table oid:attnum`, ready to stand in `GENERATED … AS IDENTITY (…)`. */
  readonly identityOptions: ReadonlyMap<string, string>;
  /** `ALTER SEQUENCE … OWNED BY …` by table oid. */
  readonly ownedBy: ReadonlyMap<number, readonly string[]>;
  /** Sequences of identity columns: made by their table, but with privileges and comments of their own. */
  readonly ofIdentity: Draft[];
}

/**
 * A sequence is made before the table whose default calls it, and only the table's own statements say that it owns
 * it: so neither needs the other twice. Every option is spelled out, as defaults differ by type and direction.
 */
export async function readSequences(context: ReadContext): Promise<Sequences> {
  const rows = await scoped<SequenceRow>(
    context,
    `select c.oid, n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as identity, c.relowner as owner,
       ${aclJson('c.relacl', 's', 'c.relowner')} as acl, c.relpersistence = 'u' as unlogged,
       format_type(s.seqtypid, null) as type, s.seqstart as start, s.seqincrement as increment, s.seqmin as min,
       s.seqmax as max, s.seqcache as cache, s.seqcycle as cycle,
       t.oid as table_oid, ${qualified('tn.nspname', 't.relname')} as "table", quote_ident(a.attname) as "column",
       a.attnum, coalesce(d.deptype = 'i', false) as internal
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
     left join pg_depend d on d.classid = ${CLASS.relation} and d.objid = c.oid and d.refclassid = ${CLASS.relation}
       and d.deptype in ('a', 'i') and d.refobjsubid > 0
     left join pg_class t on t.oid = d.refobjid left join pg_namespace tn on tn.oid = t.relnamespace
     left join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
     where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname = any($1)
       and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  const owned = new Map<number, string[]>();
  for (const row of rows) {
    if (row.table_oid === null || row.internal) continue;
    const statements = owned.get(row.table_oid) ?? [];
    owned.set(row.table_oid, [...statements, `ALTER SEQUENCE ${row.identity} OWNED BY ${row.table}.${row.column}`]);
  }
  return {
    drafts: rows.filter((row) => !row.internal).map(sequenceDraft),
    infos: rows.map(sequenceInfo),
    identityOptions: new Map(
      rows
        .filter((row) => row.internal)
        .map((row) => [`${row.table_oid}:${row.attnum}`, `SEQUENCE NAME ${row.identity} ${options(row)}`]),
    ),
    ownedBy: owned,
    ofIdentity: rows.filter((row) => row.internal).map(sequenceDraft),
  };
}

function options(row: SequenceRow): string {
  return words(
    `START WITH ${row.start} INCREMENT BY ${row.increment} MINVALUE ${row.min} MAXVALUE ${row.max} CACHE ${row.cache}`,
    row.cycle ? 'CYCLE' : 'NO CYCLE',
  );
}

function sequenceDraft(row: SequenceRow): Draft {
  const body = `AS ${row.type} ${options(row)}`;
  const unlogged = row.unlogged ? 'UNLOGGED ' : '';
  return makeDraft({
    kind: 'sequence',
    identity: row.identity,
    schema: row.schema,
    table: row.internal ? row.table : null,
    definition: words(row.unlogged && 'UNLOGGED', body, row.table !== null && `OWNED BY ${row.table}.${row.column}`),
    create: [`CREATE ${unlogged}SEQUENCE ${row.identity} ${body}`],
    drop: row.table === null ? `DROP SEQUENCE ${row.identity}` : null,
    sqlName: `SEQUENCE ${row.identity}`,
    address: address(CLASS.relation, row.oid),
    // An owned sequence has its table's owner and refuses any other.
    owner: row.owner,
    ownable: row.table === null,
    acl: row.acl ?? [],
  });
}

function sequenceInfo(row: SequenceRow): SequenceInfo {
  return {
    identity: bareKeywords(row.identity),
    schema: row.schema,
    ownedBy: row.table === null || row.column === null ? null : { table: bareKeywords(row.table), column: row.column },
    increment: row.increment,
  };
}

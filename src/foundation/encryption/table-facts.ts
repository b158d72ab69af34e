import type { Session } from '../postgres/session.ts';

/** What decides whether a column can be encrypted, read from the catalogue. */
export interface ColumnFacts {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  /** As in pg_class. */
  readonly kind: string;
  readonly type: string;
  readonly generated: boolean;
  /** Of the planner. */
  readonly rows: number;
  readonly key: ReadonlyArray<{ readonly name: string; readonly type: string }>;
  readonly inKey: boolean;
  readonly foreignKeys: readonly string[];
  readonly checks: readonly string[];
  /** Unique indexes over the plain column. */
  readonly uniques: readonly string[];
  /** Indexes, views, policies and generated columns that compute with it. */
  readonly expressions: readonly string[];
  readonly views: readonly string[];
  /** Functions whose text names it. */
  readonly functions: readonly string[];
}

const FACTS = String.raw`
select json_build_object(
  'schema', n.nspname, 'table', c.relname, 'column', a.attname, 'kind', c.relkind, 'type', format_type(a.atttypid, a.atttypmod),
  'generated', a.attgenerated <> '' or a.attidentity <> '', 'rows', greatest(c.reltuples, 0)::bigint,
  'key', (select coalesce(json_agg(json_build_object('name', k.attname, 'type', format_type(k.atttypid, null)) order by o.position), '[]')
    from pg_constraint p cross join unnest(p.conkey) with ordinality as o (number, position)
    join pg_attribute k on k.attrelid = p.conrelid and k.attnum = o.number where p.conrelid = c.oid and p.contype = 'p'),
  'inKey', exists (select from pg_constraint p where p.conrelid = c.oid and p.contype = 'p' and a.attnum = any (p.conkey)),
  'foreignKeys', (select coalesce(json_agg(f.conname order by f.conname), '[]') from pg_constraint f where f.contype = 'f'
    and (f.conrelid = c.oid and a.attnum = any (f.conkey) or f.confrelid = c.oid and a.attnum = any (f.confkey))),
  'checks', (select coalesce(json_agg(k.conname order by k.conname), '[]') from pg_constraint k
    where k.contype in ('c', 'x') and k.conrelid = c.oid and a.attnum = any (k.conkey)),
  'uniques', (select coalesce(json_agg(i.indexrelid::regclass::text order by 1), '[]') from pg_index i
    where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey)),
  'expressions', (select coalesce(json_agg(distinct pg_describe_object(d.classid, d.objid, d.objsubid)), '[]') from pg_depend d
    left join pg_index i on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum
      and (d.classid in ('pg_policy'::regclass, 'pg_statistic_ext'::regclass)
        or d.classid = 'pg_attrdef'::regclass and not exists (
          select from pg_attrdef f where f.oid = d.objid and f.adrelid = c.oid and f.adnum = a.attnum)
        or i.indexrelid is not null and (not a.attnum = any (i.indkey) or i.indpred is not null))),
  'functions', (select coalesce(json_agg(p.oid::regprocedure::text order by 1), '[]') from pg_proc p
    join pg_namespace s on s.oid = p.pronamespace
    where s.nspname not in ('pg_catalog', 'information_schema', 'vectabase') and p.prosrc ~ ('\m' || a.attname || '\M')
      and p.prosrc ~ ('\m' || c.relname || '\M')),
  'views', (select coalesce(json_agg(distinct r.ev_class::regclass::text), '[]') from pg_depend d
    join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum and r.ev_class <> c.oid)
) as facts
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where n.nspname = $1 and c.relname = $2 and a.attname = $3 and a.attnum > 0 and not a.attisdropped`;

export async function readColumnFacts(
  session: Session,
  { schema, table, column }: Pick<ColumnFacts, 'schema' | 'table' | 'column'>,
): Promise<ColumnFacts | undefined> {
  const [row] = await session.rows<{ facts: ColumnFacts }>(FACTS, [schema, table, column]);
  return row?.facts;
}

/** Types whose text is the same under all settings of a session: what a value is bound to must never read differently. */
const KEY_TYPES = new Set(['uuid', 'smallint', 'integer', 'bigint', 'text', 'character varying']);

/** Why this column cannot be encrypted, each with what to do; none when it can. */
export function blockersOf(facts: ColumnFacts, blindIndex: boolean): string[] {
  const found: string[] = [];
  const { kind, type, key } = facts;
  if (kind !== 'r') found.push('not an ordinary table');
  if (!isText(type) && type !== 'bytea') {
    found.push(
      type.startsWith('character')
        ? `type ${type}: an envelope is longer; alter the column to text`
        : `type ${type}: only text and bytea can hold an envelope`,
    );
  }
  if (blindIndex && type === 'bytea') found.push('a bytea column cannot have a blind index');
  if (facts.generated) found.push('a generated column');
  if (facts.inKey) found.push('part of the primary key');
  if (key.length === 0) found.push('no primary key that a value could be bound to; add one');
  for (const part of key) {
    if (!KEY_TYPES.has(part.type))
      found.push(`key column ${part.name} is ${part.type}, whose text depends on settings`);
  }
  if (facts.foreignKeys.length > 0) found.push(`foreign key ${facts.foreignKeys.join(', ')}`);
  if (facts.checks.length > 0) found.push(`check constraint ${facts.checks.join(', ')} sees ciphertext; drop it`);
  if (facts.uniques.length > 0 && !blindIndex) found.push(`unique (${facts.uniques.join(', ')}): needs blindIndex`);
  if (facts.expressions.length > 0) found.push(`computed with by ${facts.expressions.join(', ')}; drop it`);
  return found;
}

export function isText(type: string): boolean {
  return type === 'text' || type === 'character varying';
}

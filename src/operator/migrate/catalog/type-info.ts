import type { ReadContext } from './context.ts';
import type { TypeInfo } from './model.ts';

type TypeRow = {
  oid: number;
  schema: string;
  name: string;
  typtype: string;
  base: number;
  element: number;
  subtype: number;
};

/** Oids below this are assigned in Postgres' own source and are the same everywhere (`FirstGenbkiObjectId`). */
const FIRST_UNPINNED_OID = 10_000;
const KINDS: Record<string, TypeInfo['kind']> = {
  b: 'base',
  c: 'composite',
  e: 'enum',
  r: 'range',
  m: 'multirange',
  p: 'pseudo',
};
const UNKNOWN: TypeInfo = {
  schema: 'pg_catalog',
  name: 'unknown',
  kind: 'pseudo',
  builtin: true,
  element: null,
};

/** A look-up from a type's oid to what it is below domains, for every type that a column uses, at any depth. */
export async function readTypeInfo(context: ReadContext): Promise<(oid: number) => TypeInfo> {
  const rows = await context.session.rows<TypeRow>(
    `with recursive used(oid) as (
       select distinct a.atttypid from pg_attribute a join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = any($1) and c.relkind in ('r', 'p', 'f') and a.attnum > 0 and not a.attisdropped
       union
       select below.oid from used join pg_type t on t.oid = used.oid left join pg_range r
         on r.rngtypid = t.oid or r.rngmultitypid = t.oid
       cross join lateral (values (t.typbasetype),
         (case when t.typsubscript = 'array_subscript_handler'::regproc then t.typelem end),
         (case t.typtype when 'r' then r.rngsubtype when 'm' then r.rngtypid end)) below(oid)
       where below.oid <> 0)
     select t.oid, n.nspname as schema, t.typname as name, t.typtype,
       t.typbasetype as base,
       case when t.typsubscript = 'array_subscript_handler'::regproc then t.typelem else 0 end as element,
       coalesce(case t.typtype when 'r' then r.rngsubtype when 'm' then r.rngtypid end, 0) as subtype
     from used join pg_type t on t.oid = used.oid join pg_namespace n on n.oid = t.typnamespace
     left join pg_range r on r.rngtypid = t.oid or r.rngmultitypid = t.oid`,
    [context.schemas],
  );
  const byOid = new Map(rows.map((row) => [row.oid, row]));
  const known = new Map<number, TypeInfo>();
  const resolve = (oid: number): TypeInfo => {
    const found = known.get(oid);
    if (found) return found;
    const row = byOid.get(oid);
    if (row === undefined) return UNKNOWN;
    const info = row.typtype === 'd' ? resolve(row.base) : typeInfo(row, resolve);
    known.set(oid, info);
    return info;
  };
  return resolve;
}

function typeInfo(row: TypeRow, resolve: (oid: number) => TypeInfo): TypeInfo {
  const inner = row.element || row.subtype;
  return {
    schema: row.schema,
    name: row.name,
    kind: row.element === 0 ? (KINDS[row.typtype] ?? 'base') : 'array',
    builtin: row.oid < FIRST_UNPINNED_OID,
    element: inner === 0 ? null : resolve(inner),
  };
}

import { keyOf, type QualifiedName } from './model.ts';

/** A unique index over some of the rows. PostgREST's `on conflict (columns)` never means one, and fails with 42P10. */
export interface PartialKey {
  readonly columns: readonly string[];
  /** SQL, in terms of the table's columns. */
  readonly predicate: string;
}

export type PartialKeys = ReadonlyMap<string, readonly PartialKey[]>;

/** Those that are alone with their columns: where a whole index has them too, or two partial ones do, nothing is meant by itself. */
export const PARTIAL_KEYS = `
with found as (
  select n.nspname as schema, c.relname as name, i.indrelid, i.indpred,
    pg_get_expr(i.indpred, i.indrelid) as predicate,
    (select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = i.indrelid
      and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])) as columns,
    (select array_agg(k order by k) from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) k) as numbers
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
  where i.indisunique and i.indisvalid and i.indimmediate and i.indexprs is null
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
)
select coalesce(json_agg(json_build_object('schema', schema, 'name', name, 'columns', columns, 'predicate', predicate))::text, '[]')
from found f
where f.indpred is not null and not exists (
  select from found g where g.indrelid = f.indrelid and g.numbers = f.numbers
    and (g.indpred is null or g.predicate <> f.predicate))`;

export function partialKeysByTable(list: ReadonlyArray<PartialKey & QualifiedName>): PartialKeys {
  const keys = new Map<string, PartialKey[]>();
  for (const each of list) keys.set(keyOf(each), [...(keys.get(keyOf(each)) ?? []), each]);
  return keys;
}

/** ` where …`, for a conflict target that only a partial index has; nothing for any other. */
export function partialPredicate(keys: PartialKeys, relation: QualifiedName, columns: readonly string[]): string {
  const wanted = columns.toSorted().join('\0');
  const key = keys.get(keyOf(relation))?.find((each) => each.columns.toSorted().join('\0') === wanted);
  return key === undefined ? '' : ` where ${key.predicate}`;
}

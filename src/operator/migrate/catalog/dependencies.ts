import { CLASS, FIRST_USER_OID, type Draft, type ReadContext } from './context.ts';
import { bareKeywords } from './keywords.ts';
import { objectKey, type CatalogObject } from './model.ts';
import { compareText } from './order.ts';

/** Kinds that, on a partitioned table, must find all its partitions attached. */
const AFTER_ATTACH = new Set(['index', 'constraint', 'check', 'foreign-key', 'trigger']);
const RELATIONS = ['table', 'view', 'materialized-view'];

/**
 * Turns drafts into objects by adding what each of them needs: what pg_depend records, the schema and the table it is
 * in, all partitions before anything that spans them, and all parts of a partitioned index before a key that refers to
 * it. A need that leads out of the schemas that were read (a webhook's function in supabase_functions) is kept, so that
 * the caller can see that the object cannot stand without it. Other keys that name nothing in the list are dropped.
 */
export async function resolveNeeds(
  context: ReadContext,
  drafts: readonly Draft[],
  attachedTo: ReadonlyMap<string, readonly string[]>,
): Promise<CatalogObject[]> {
  const recorded = await readDependencies(context, drafts);
  const outside = await readOutside(context, drafts);
  const known = new Set([...drafts.map(objectKey), ...[...outside.values()].flat()]);
  const schemas = new Map(drafts.filter((draft) => draft.kind === 'schema').map((d) => [d.schema, objectKey(d)]));
  const partitions = attachedPartitions(drafts);
  return drafts.map((draft) => {
    const key = objectKey(draft);
    const needs = new Set([...draft.needs, ...(recorded.get(key) ?? []), ...(outside.get(key) ?? [])]);
    if (draft.schema !== null) needs.add(schemas.get(draft.schema) ?? '');
    if (draft.table !== null) for (const kind of RELATIONS) needs.add(`${kind} ${draft.table}`);
    if (draft.table !== null && AFTER_ATTACH.has(draft.kind)) {
      for (const attach of partitions.get(draft.table) ?? []) needs.add(attach);
    }
    if (draft.kind === 'foreign-key') {
      for (const need of needs) for (const attach of attachedTo.get(need) ?? []) needs.add(attach);
    }
    needs.delete(key);
    return toObject(draft, [...needs].filter((need) => known.has(need)).toSorted(compareText));
  });
}

/** Kinds whose definition is free text and not SQL that a server printed. */
const FREE_TEXT = new Set(['comment', 'role-setting', 'database-setting']);

function toObject(draft: Draft, needs: readonly string[]): CatalogObject {
  const { kind, schema, table, definition, create, drop } = draft;
  return {
    kind,
    identity: bareKeywords(draft.identity),
    schema,
    table: table === null ? null : bareKeywords(table),
    definition: FREE_TEXT.has(kind) ? definition : bareKeywords(definition),
    create,
    drop,
    needs: needs.map(bareKeywords),
  };
}

/** For each partitioned table, the attach-partition objects below it, at every level. */
function attachedPartitions(drafts: readonly Draft[]): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>();
  for (const draft of drafts) {
    if (draft.kind !== 'attach-partition') continue;
    const parent = (draft.needs[0] ?? '').slice('table '.length);
    const list = children.get(parent);
    if (list) list.push(draft.identity);
    else children.set(parent, [draft.identity]);
  }
  const below = (table: string): string[] =>
    (children.get(table) ?? []).flatMap((child) => [`attach-partition ${child}`, ...below(child)]);
  return new Map([...children.keys()].map((table) => [table, below(table)]));
}

/**
 * pg_depend between the things that were read. Left out: an index's tie to its own constraint (here the constraint
 * follows the index), ties of partitions' parts to their parents' (attaching makes them), and, by the floor under the
 * oids, everything that initdb made. What belongs to an extension stands for the extension.
 */
async function readDependencies(
  context: ReadContext,
  drafts: readonly Draft[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const carriers = new Map<string, string>();
  for (const draft of drafts) {
    for (const place of draft.carries) carriers.set(place, objectKey(draft));
  }
  const rows = await context.session.rows<{ from: string; to: string }>(
    `select distinct d.classid::text || ':' || d.objid::text as "from",
       coalesce(e.refclassid, d.refclassid)::text || ':' || coalesce(e.refobjid, d.refobjid)::text as "to"
     from pg_depend d left join pg_depend e
       on e.classid = d.refclassid and e.objid = d.refobjid and e.objsubid = 0 and e.deptype = 'e'
     where d.objid >= ${FIRST_USER_OID} and d.refobjid >= ${FIRST_USER_OID} and d.deptype in ('n', 'a', 'i')
       and not (d.deptype = 'i' and d.classid = ${CLASS.relation} and d.refclassid = ${CLASS.constraint})
       and d.refclassid <> ${CLASS.namespace}
       and not (d.classid = ${CLASS.relation} and d.deptype <> 'n' and exists (
         select from pg_class s where s.oid = d.objid and s.relkind in ('S', 't')))`,
  );
  const needs = new Map<string, Set<string>>();
  for (const { from, to } of rows) {
    const carrier = carriers.get(from);
    const need = carriers.get(to);
    if (carrier === undefined || need === undefined || carrier === need) continue;
    const set = needs.get(carrier);
    if (set) set.add(need);
    else needs.set(carrier, new Set([need]));
  }
  return needs;
}

/** Functions, relations and types in schemas that were not read, by the object that depends on them. */
async function readOutside(context: ReadContext, drafts: readonly Draft[]): Promise<ReadonlyMap<string, string[]>> {
  const carriers = new Map(drafts.flatMap((draft) => draft.carries.map((place) => [place, objectKey(draft)] as const)));
  const rows = await context.session.rows<{ from: string; key: string }>(
    `with read as (select oid from pg_namespace where nspname = any (select json_array_elements_text($1::json)))
     select distinct d.classid::text || ':' || d.objid::text as "from", thing.key
     from pg_depend d
     join (
       select ${CLASS.routine} as classid, oid, pronamespace as space, 'function ' || oid::regprocedure::text as key from pg_proc
       union all
       select ${CLASS.relation}, oid, relnamespace,
         case relkind when 'v' then 'view ' when 'm' then 'materialized-view ' when 'S' then 'sequence ' else 'table ' end || oid::regclass::text
       from pg_class where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       union all
       select ${CLASS.type}, oid, typnamespace, 'type ' || oid::regtype::text from pg_type where typtype in ('e', 'd', 'r')
     ) thing on thing.classid = d.refclassid and thing.oid = d.refobjid
     where d.objid >= ${FIRST_USER_OID} and d.refobjid >= ${FIRST_USER_OID} and d.deptype in ('n', 'a')
       and thing.space not in (select oid from read)
       and not exists (select from pg_depend e where e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e')`,
    [JSON.stringify(context.schemas)],
  );
  const needs = new Map<string, string[]>();
  for (const { from, key } of rows) {
    const carrier = carriers.get(from);
    if (carrier !== undefined) needs.set(carrier, [...(needs.get(carrier) ?? []), key]);
  }
  return needs;
}

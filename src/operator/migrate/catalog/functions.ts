import {
  aclJson,
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  type AclItem,
  type Part,
  type ReadContext,
} from './context.ts';

/** SQL: `public.f(integer, text)`. Input arguments alone tell routines apart. */
export const ROUTINE_IDENTITY = `${qualified('n.nspname', 'p.proname')} || '(' || oidvectortypes(p.proargtypes) || ')'`;

/** SQL: not written in C, not of an extension, and not one of the constructors that come with a range type. */
export const OWN_ROUTINE = `n.nspname = any($1) and ${notOfExtension(CLASS.routine, 'p.oid')}
  and not exists (select from pg_depend i where i.classid = ${CLASS.routine} and i.objid = p.oid and i.deptype = 'i')`;

/**
 * Functions and procedures. Bodies in quotes are not parsed on creation if the writer sets `check_function_bodies =
 * off`, so only what Postgres itself records (arguments, results, BEGIN ATOMIC bodies) decides their place.
 */
export async function readFunctions(context: ReadContext): Promise<Part> {
  type FunctionRow = {
    oid: number;
    schema: string;
    identity: string;
    definition: string | null;
    owner: number;
    acl: AclItem[] | null;
  };
  const rows = await scoped<FunctionRow>(
    context,
    `select p.oid, n.nspname as schema, ${ROUTINE_IDENTITY} as identity, pg_get_functiondef(p.oid) as definition,
       p.proowner as owner, ${aclJson('p.proacl', 'f', 'p.proowner')} as acl
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
     where p.prokind in ('f', 'p', 'w') and l.lanname not in ('c', 'internal') and ${OWN_ROUTINE}`,
  );
  const drafts = rows.flatMap((row) => {
    if (row.definition === null) return [];
    const definition = row.definition.trimEnd();
    return makeDraft({
      kind: 'function',
      identity: row.identity,
      schema: row.schema,
      definition,
      create: [definition],
      sqlName: `ROUTINE ${row.identity}`,
      address: address(CLASS.routine, row.oid),
      owner: row.owner,
      acl: row.acl ?? [],
    });
  });
  return { drafts };
}

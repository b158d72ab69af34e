import {
  address,
  CLASS,
  FIRST_USER_OID,
  makeDraft,
  notOfExtension,
  scoped,
  words,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';
import { ROUTINE_IDENTITY } from './functions.ts';

/** Operators and casts. Operator classes and families are index code and stay unsupported. */
export async function readOperators(context: ReadContext): Promise<Part> {
  return { drafts: [...(await readOwnOperators(context)), ...(await readCasts(context))] };
}

/** An operator that names a commutator not yet there makes a shell of it, which the commutator's own statement fills. */
async function readOwnOperators(context: ReadContext): Promise<Draft[]> {
  type OperatorRow = {
    oid: number;
    schema: string;
    name: string;
    args: string;
    owner: number;
    options: (string | null)[];
  };
  const other = (column: string): string =>
    `(select 'OPERATOR(' || quote_ident(xn.nspname) || '.' || x.oprname || ')' from pg_operator x
      join pg_namespace xn on xn.oid = x.oprnamespace where x.oid = o.${column} and x.oprcode <> 0)`;
  const routine = (column: string): string =>
    `(select quote_ident(fn.nspname) || '.' || quote_ident(f.proname) from pg_proc f
      join pg_namespace fn on fn.oid = f.pronamespace where f.oid = o.${column})`;
  const rows = await scoped<OperatorRow>(
    context,
    `select o.oid, n.nspname as schema, quote_ident(n.nspname) || '.' || o.oprname as name, o.oprowner as owner,
       '(' || case when o.oprleft = 0 then 'NONE' else format_type(o.oprleft, null) end || ', '
         || format_type(o.oprright, null) || ')' as args,
       json_build_array('FUNCTION = ' || ${routine('oprcode')},
         'LEFTARG = ' || case when o.oprleft <> 0 then format_type(o.oprleft, null) end,
         'RIGHTARG = ' || format_type(o.oprright, null),
         'COMMUTATOR = ' || ${other('oprcom')}, 'NEGATOR = ' || ${other('oprnegate')},
         'RESTRICT = ' || ${routine('oprrest')}, 'JOIN = ' || ${routine('oprjoin')},
         case when o.oprcanhash then 'HASHES' end, case when o.oprcanmerge then 'MERGES' end) as options
     from pg_operator o join pg_namespace n on n.oid = o.oprnamespace
     where o.oprcode <> 0 and n.nspname = any($1) and ${notOfExtension(CLASS.operator, 'o.oid')}`,
  );
  return rows.map((row) => {
    const definition = row.options.filter((option) => option !== null).join(', ');
    return makeDraft({
      kind: 'operator',
      identity: `${row.name} ${row.args}`,
      schema: row.schema,
      definition,
      create: [`CREATE OPERATOR ${row.name} (${definition})`],
      sqlName: `OPERATOR ${row.name} ${row.args}`,
      address: address(CLASS.operator, row.oid),
      owner: row.owner,
    });
  });
}

/** A cast has no schema; it is read when one of its types or its function lives in a schema that is read. */
async function readCasts(context: ReadContext): Promise<Draft[]> {
  type CastRow = { oid: number; pair: string; schema: string; routine: string | null; method: string; context: string };
  const rows = await scoped<CastRow>(
    context,
    `select c.oid, '(' || format_type(c.castsource, null) || ' AS ' || format_type(c.casttarget, null) || ')' as pair,
       case when sn.nspname = any($1) then sn.nspname when tn.nspname = any($1) then tn.nspname else n.nspname end
         as schema,
       ${ROUTINE_IDENTITY} as routine, c.castmethod as method, c.castcontext as context
     from pg_cast c
     join pg_type s on s.oid = c.castsource join pg_namespace sn on sn.oid = s.typnamespace
     join pg_type t on t.oid = c.casttarget join pg_namespace tn on tn.oid = t.typnamespace
     left join pg_proc p on p.oid = c.castfunc left join pg_namespace n on n.oid = p.pronamespace
     where c.oid >= ${FIRST_USER_OID} and ${notOfExtension(CLASS.cast, 'c.oid')}
       and not exists (select from pg_depend i where i.classid = ${CLASS.cast} and i.objid = c.oid and i.deptype = 'i')
       and (sn.nspname = any($1) or tn.nspname = any($1) or n.nspname = any($1))`,
  );
  return rows.map((row) => {
    const how =
      row.method === 'i' ? 'WITH INOUT' : row.routine === null ? 'WITHOUT FUNCTION' : `WITH FUNCTION ${row.routine}`;
    const definition = words(how, row.context === 'a' && 'AS ASSIGNMENT', row.context === 'i' && 'AS IMPLICIT');
    return makeDraft({
      kind: 'cast',
      identity: row.pair,
      schema: row.schema,
      definition,
      create: [`CREATE CAST ${row.pair} ${definition}`],
      sqlName: `CAST ${row.pair}`,
      address: address(CLASS.cast, row.oid),
    });
  });
}

import { literal } from '../../../foundation/postgres/sql.ts';
import { aclJson, address, CLASS, makeDraft, scoped, type AclItem, type Part, type ReadContext } from './context.ts';
import { OWN_ROUTINE, ROUTINE_IDENTITY } from './functions.ts';

type AggregateRow = {
  oid: number;
  schema: string;
  identity: string;
  head: string;
  owner: number;
  acl: AclItem[] | null;
  parallel: string;
  kind: string;
  facts: Record<string, string | null>;
};

/** SQL: a function by its qualified name; null where there is none. */
const named = (column: string): string =>
  `(select quote_ident(fn.nspname) || '.' || quote_ident(f.proname) from pg_proc f
    join pg_namespace fn on fn.oid = f.pronamespace where f.oid = a.${column})`;

/** Aggregates have no pg_get_…def: their statement is built from pg_aggregate, in the manual's order. */
export async function readAggregates(context: ReadContext): Promise<Part> {
  const rows = await scoped<AggregateRow>(
    context,
    `select p.oid, n.nspname as schema, ${ROUTINE_IDENTITY} as identity,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '('
         || case when p.pronargs = 0 then '*' else pg_get_function_arguments(p.oid) end || ')' as head,
       p.proowner as owner, ${aclJson('p.proacl', 'f', 'p.proowner')} as acl,
       p.proparallel as parallel, a.aggkind as kind,
       json_build_object(
         'SFUNC', ${named('aggtransfn')}, 'STYPE', format_type(a.aggtranstype, null),
         'SSPACE', nullif(a.aggtransspace, 0)::text,
         'FINALFUNC', ${named('aggfinalfn')}, 'FINALFUNC_EXTRA', case when a.aggfinalextra then '' end,
         'FINALFUNC_MODIFY', case when a.aggfinalfn <> 0 then a.aggfinalmodify::text end,
         'COMBINEFUNC', ${named('aggcombinefn')}, 'SERIALFUNC', ${named('aggserialfn')},
         'DESERIALFUNC', ${named('aggdeserialfn')}, 'INITCOND', a.agginitval,
         'MSFUNC', ${named('aggmtransfn')}, 'MINVFUNC', ${named('aggminvtransfn')},
         'MSTYPE', case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end,
         'MSSPACE', nullif(a.aggmtransspace, 0)::text,
         'MFINALFUNC', ${named('aggmfinalfn')}, 'MFINALFUNC_EXTRA', case when a.aggmfinalextra then '' end,
         'MFINALFUNC_MODIFY', case when a.aggmfinalfn <> 0 then a.aggmfinalmodify::text end,
         'MINITCOND', a.aggminitval,
         'SORTOP', (select 'OPERATOR(' || quote_ident(opn.nspname) || '.' || op.oprname || ')' from pg_operator op
            join pg_namespace opn on opn.oid = op.oprnamespace where op.oid = a.aggsortop)) as facts
     from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid join pg_namespace n on n.oid = p.pronamespace
     where ${OWN_ROUTINE}`,
  );
  return { drafts: rows.map(aggregateDraft) };
}

function aggregateDraft(row: AggregateRow): ReturnType<typeof makeDraft> {
  const clauses = Object.entries(row.facts).flatMap(([name, value]) => clause(row, name, value));
  if (row.kind === 'h') clauses.push('HYPOTHETICAL');
  if (row.parallel !== 'u') clauses.push(`PARALLEL = ${row.parallel === 's' ? 'SAFE' : 'RESTRICTED'}`);
  const definition = `${row.head} (${clauses.join(', ')})`;
  return makeDraft({
    kind: 'aggregate',
    identity: row.identity,
    schema: row.schema,
    definition,
    create: [`CREATE AGGREGATE ${definition}`],
    sqlName: `ROUTINE ${row.identity}`,
    address: address(CLASS.routine, row.oid),
    owner: row.owner,
    acl: row.acl ?? [],
  });
}

const MODIFY: Record<string, string> = { r: 'READ_ONLY', s: 'SHAREABLE', w: 'READ_WRITE' };

function clause(row: AggregateRow, name: string, value: string | null): string[] {
  if (value === null) return [];
  if (name.endsWith('_EXTRA')) return [name];
  if (name.endsWith('INITCOND')) return [`${name} = ${literal(value)}`];
  if (name.endsWith('_MODIFY')) {
    // Plain aggregates are read-only unless told, ordered-set ones read-write.
    return value === (row.kind === 'n' ? 'r' : 'w') ? [] : [`${name} = ${MODIFY[value] ?? 'READ_ONLY'}`];
  }
  return [`${name} = ${value}`];
}

import { literal } from '../../../foundation/postgres/sql.ts';
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
  type Part,
  type ReadContext,
} from './context.ts';
import { readSeparateConstraints } from './separate.ts';

type TypeRow = {
  oid: number;
  array_oid: number;
  relation: number;
  schema: string;
  identity: string;
  owner: number;
  acl: AclItem[] | null;
};

/** Enums, composites, ranges and domains. A base type needs C functions and cannot be carried over. */
export async function readTypes(context: ReadContext): Promise<Part> {
  return {
    drafts: [
      ...(await readEnums(context)),
      ...(await readComposites(context)),
      ...(await readRanges(context)),
      ...(await readDomains(context)),
    ],
  };
}

/** Columns that every kind of type shares. */
function typeColumns(): string {
  return `t.oid, t.typarray as array_oid, t.typrelid as relation, n.nspname as schema,
    ${qualified('n.nspname', 't.typname')} as identity, t.typowner as owner,
    ${aclJson('t.typacl', 'T', 't.typowner')} as acl`;
}

function typeDraft(row: TypeRow, more: Pick<Draft, 'kind' | 'definition' | 'create'> & Partial<Draft>): Draft {
  return makeDraft({
    identity: row.identity,
    schema: row.schema,
    sqlName: `${more.kind === 'domain' ? 'DOMAIN' : 'TYPE'} ${row.identity}`,
    address: address(CLASS.type, row.oid),
    carries: [
      address(CLASS.type, row.oid),
      address(CLASS.type, row.array_oid),
      ...(row.relation === 0 ? [] : [address(CLASS.relation, row.relation)]),
    ],
    owner: row.owner,
    acl: row.acl ?? [],
    ...more,
  });
}

async function readEnums(context: ReadContext): Promise<Draft[]> {
  const rows = await scoped<TypeRow & { labels: string[] | null }>(
    context,
    `select ${typeColumns()},
       (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels
     from pg_type t join pg_namespace n on n.oid = t.typnamespace
     where t.typtype = 'e' and n.nspname = any($1) and ${notOfExtension(CLASS.type, 't.oid')}`,
  );
  return rows.map((row) => {
    const body = `ENUM (${(row.labels ?? []).map(literal).join(', ')})`;
    return typeDraft(row, { kind: 'enum', definition: body, create: [`CREATE TYPE ${row.identity} AS ${body}`] });
  });
}

async function readComposites(context: ReadContext): Promise<Draft[]> {
  const rows = await scoped<TypeRow & { attributes: string[] | null }>(
    context,
    `select ${typeColumns()},
       (select json_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
          || case when a.attcollation <> b.typcollation
            then ' COLLATE ' || ${qualified('cn.nspname', 'co.collname')} else '' end order by a.attnum)
        from pg_attribute a join pg_type b on b.oid = a.atttypid
        left join pg_collation co on co.oid = a.attcollation left join pg_namespace cn on cn.oid = co.collnamespace
        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) as attributes
     from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_class c on c.oid = t.typrelid
     where t.typtype = 'c' and c.relkind = 'c' and n.nspname = any($1) and ${notOfExtension(CLASS.type, 't.oid')}`,
  );
  return rows.map((row) => {
    const body = `(${(row.attributes ?? []).join(', ')})`;
    return typeDraft(row, { kind: 'composite', definition: body, create: [`CREATE TYPE ${row.identity} AS ${body}`] });
  });
}

/** A canonical function must be C, and makes the range unsupported; see unsupported.ts. */
async function readRanges(context: ReadContext): Promise<Draft[]> {
  type RangeRow = TypeRow & {
    multirange: number;
    multirange_array: number;
    body: string;
  };
  const rows = await scoped<RangeRow>(
    context,
    `select ${typeColumns()}, m.oid as multirange, m.typarray as multirange_array,
       'RANGE (SUBTYPE = ' || format_type(r.rngsubtype, null)
         || case when not oc.opcdefault then ', SUBTYPE_OPCLASS = ' || ${qualified('ocn.nspname', 'oc.opcname')} else '' end
         || case when r.rngcollation <> 0 and r.rngcollation <> st.typcollation
              then ', COLLATION = ' || ${qualified('cn.nspname', 'co.collname')} else '' end
         || case when r.rngsubdiff <> 0 then ', SUBTYPE_DIFF = ' || ${qualified('sdn.nspname', 'sd.proname')} else '' end
         || ', MULTIRANGE_TYPE_NAME = ' || ${qualified('mn.nspname', 'm.typname')} || ')' as body
     from pg_range r join pg_type t on t.oid = r.rngtypid join pg_namespace n on n.oid = t.typnamespace
     join pg_type st on st.oid = r.rngsubtype
     join pg_type m on m.oid = r.rngmultitypid join pg_namespace mn on mn.oid = m.typnamespace
     join pg_opclass oc on oc.oid = r.rngsubopc join pg_namespace ocn on ocn.oid = oc.opcnamespace
     left join pg_collation co on co.oid = r.rngcollation left join pg_namespace cn on cn.oid = co.collnamespace
     left join pg_proc sd on sd.oid = r.rngsubdiff left join pg_namespace sdn on sdn.oid = sd.pronamespace
     where r.rngcanonical = 0 and n.nspname = any($1) and ${notOfExtension(CLASS.type, 't.oid')}`,
  );
  return rows.map((row) => {
    const draft = typeDraft(row, {
      kind: 'range',
      definition: row.body,
      create: [`CREATE TYPE ${row.identity} AS ${row.body}`],
    });
    const more = [address(CLASS.type, row.multirange), address(CLASS.type, row.multirange_array)];
    return { ...draft, carries: [...draft.carries, ...more] };
  });
}

/**
 * A check that calls the user's own function comes as an object of its own, because that function may take the
 * domain; so does one that is not valid, because CREATE DOMAIN cannot say that.
 */
async function readDomains(context: ReadContext): Promise<Draft[]> {
  type Check = { oid: number; name: string; definition: string; valid: boolean };
  const separate = await readSeparateConstraints(context);
  const rows = await scoped<TypeRow & { head: string; not_null: boolean; checks: Check[] | null }>(
    context,
    `select ${typeColumns()}, t.typnotnull as not_null,
       format_type(t.typbasetype, t.typtypmod)
         || case when t.typcollation <> b.typcollation
              then ' COLLATE ' || ${qualified('cn.nspname', 'co.collname')} else '' end
         || coalesce(' DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), '') as head,
       (select json_agg(json_build_object('oid', k.oid::int8, 'name', quote_ident(k.conname),
            'definition', pg_get_constraintdef(k.oid), 'valid', k.convalidated) order by k.conname collate "C")
          from pg_constraint k where k.contypid = t.oid and k.contype = 'c') as checks
     from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_type b on b.oid = t.typbasetype
     left join pg_collation co on co.oid = t.typcollation left join pg_namespace cn on cn.oid = co.collnamespace
     where t.typtype = 'd' and n.nspname = any($1) and ${notOfExtension(CLASS.type, 't.oid')}`,
  );
  return rows.flatMap((row) => {
    const checks = row.checks ?? [];
    const apart = checks.filter((check) => !check.valid || separate.has(check.oid));
    const inline = checks.filter((check) => !apart.includes(check));
    const clauses = inline.map((check) => `CONSTRAINT ${check.name} ${check.definition}`);
    const head = words(row.head, row.not_null && 'NOT NULL');
    const draft = typeDraft(row, {
      kind: 'domain',
      definition: head,
      create: [words(`CREATE DOMAIN ${row.identity} AS ${head}`, ...clauses)],
    });
    const carried = inline.map((check) => address(CLASS.constraint, check.oid));
    return [
      { ...draft, carries: [...draft.carries, ...carried] },
      ...checks.map((check) => domainCheck(row, check, apart.includes(check))),
    ];
  });
}

function domainCheck(domain: TypeRow, check: { oid: number; name: string; definition: string }, apart: boolean): Draft {
  const own = address(CLASS.constraint, check.oid);
  return makeDraft({
    kind: 'check',
    identity: `${check.name} on domain ${domain.identity}`,
    schema: domain.schema,
    definition: check.definition,
    create: apart ? [`ALTER DOMAIN ${domain.identity} ADD CONSTRAINT ${check.name} ${check.definition}`] : [],
    drop: apart ? `ALTER DOMAIN ${domain.identity} DROP CONSTRAINT ${check.name}` : null,
    sqlName: `CONSTRAINT ${check.name} ON DOMAIN ${domain.identity}`,
    address: own,
    carries: apart ? [own] : [],
    needs: [`domain ${domain.identity}`],
  });
}

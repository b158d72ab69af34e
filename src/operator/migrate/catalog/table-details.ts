import {
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';

/** Row security switches, replica identities and extended statistics of tables. */
export async function readTableDetails(context: ReadContext): Promise<Part> {
  return {
    drafts: [
      ...(await readRowSecurity(context)),
      ...(await readReplicaIdentities(context)),
      ...(await readStatistics(context)),
    ],
  };
}

/** SQL: tables in scope. */
const TABLES = `pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = any($1)
  and c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${notOfExtension(CLASS.relation, 'c.oid')}`;

async function readRowSecurity(context: ReadContext): Promise<Draft[]> {
  const rows = await scoped<{ schema: string; table: string; enabled: boolean; forced: boolean }>(
    context,
    `select n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as "table", c.relrowsecurity as enabled,
       c.relforcerowsecurity as forced
     from ${TABLES} where c.relrowsecurity or c.relforcerowsecurity`,
  );
  return rows.map(({ schema, table, enabled, forced }) => {
    const alter = `ALTER TABLE ${table}`;
    return makeDraft({
      kind: 'row-security',
      identity: table,
      schema,
      table,
      definition: [...(enabled ? ['enabled'] : []), ...(forced ? ['forced'] : [])].join(', '),
      create: [
        ...(enabled ? [`${alter} ENABLE ROW LEVEL SECURITY`] : []),
        ...(forced ? [`${alter} FORCE ROW LEVEL SECURITY`] : []),
      ],
      drop: `${alter} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY`,
    });
  });
}

async function readReplicaIdentities(context: ReadContext): Promise<Draft[]> {
  type IdentityRow = { schema: string; table: string; kind: string; index: string | null; constraint: string | null };
  const rows = await scoped<IdentityRow>(
    context,
    `select n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as "table", c.relreplident as kind,
       quote_ident(i.relname) as index, quote_ident(k.conname) as constraint
     from ${TABLES}
     left join pg_index x on x.indrelid = c.oid and x.indisreplident and c.relreplident = 'i'
     left join pg_class i on i.oid = x.indexrelid
     left join pg_constraint k on k.conindid = i.oid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x')
     where c.relreplident in ('n', 'f') or i.oid is not null`,
  );
  return rows.map(({ schema, table, kind, index, constraint }) => {
    const definition = kind === 'f' ? 'FULL' : kind === 'n' || index === null ? 'NOTHING' : `USING INDEX ${index}`;
    return makeDraft({
      kind: 'replica-identity',
      identity: table,
      schema,
      table,
      definition,
      create: [`ALTER TABLE ONLY ${table} REPLICA IDENTITY ${definition}`],
      drop: `ALTER TABLE ONLY ${table} REPLICA IDENTITY DEFAULT`,
      needs: [
        ...(index === null ? [] : [`index ${table.slice(0, schemaEnd(table))}.${index}`]),
        ...(constraint === null ? [] : [`constraint ${constraint} on ${table}`]),
      ],
    });
  });
}

/** Where the schema's part of a quoted `schema.table` ends: the first dot outside of quotes. */
function schemaEnd(identity: string): number {
  return /^(?:"(?:[^"]|"")*"|[^".]+)/.exec(identity)?.[0].length ?? 0;
}

async function readStatistics(context: ReadContext): Promise<Draft[]> {
  type StatisticsRow = {
    oid: number;
    schema: string;
    identity: string;
    table: string;
    definition: string | null;
    target: number | null;
    owner: number;
  };
  const rows = await scoped<StatisticsRow>(
    context,
    `select s.oid, sn.nspname as schema, ${qualified('sn.nspname', 's.stxname')} as identity,
       ${qualified('n.nspname', 'c.relname')} as "table", pg_get_statisticsobjdef(s.oid) as definition,
       nullif(s.stxstattarget, -1) as target, s.stxowner as owner
     from pg_statistic_ext s join pg_namespace sn on sn.oid = s.stxnamespace
     join pg_class c on c.oid = s.stxrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  return rows.flatMap((row) => {
    if (row.definition === null) return [];
    const target = row.target === null ? [] : [`ALTER STATISTICS ${row.identity} SET STATISTICS ${row.target}`];
    const create = [row.definition, ...target];
    const draft = makeDraft({
      kind: 'statistics',
      identity: row.identity,
      schema: row.schema,
      table: row.table,
      definition: create.join('\n'),
      create,
      sqlName: `STATISTICS ${row.identity}`,
      address: address(CLASS.statistics, row.oid),
      owner: row.owner,
    });
    return [draft];
  });
}

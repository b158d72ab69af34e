import {
  address,
  CLASS,
  makeDraft,
  qualified,
  scoped,
  words,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';
import { isPlatformPublication } from '../../../foundation/postgres/managed.ts';

/** Publications, without the ones that the realtime service keeps for itself, and what each one publishes. */
export async function readPublications(context: ReadContext): Promise<Part> {
  return {
    drafts: [
      ...(await readOwnPublications(context)),
      ...(await readPublishedTables(context)),
      ...(await readPublishedSchemas(context)),
    ],
  };
}

async function readOwnPublications(context: ReadContext): Promise<Draft[]> {
  type PublicationRow = {
    oid: number;
    raw: string;
    name: string;
    owner: number;
    all: boolean;
    schemas: boolean;
    publish: string[];
    via_root: boolean;
    generated: string | null;
  };
  const rows = await context.session.rows<PublicationRow>(
    `select p.oid, p.pubname as raw, quote_ident(p.pubname) as name, p.pubowner as owner, p.puballtables as "all",
       exists (select from pg_publication_namespace s where s.pnpubid = p.oid) as schemas,
       to_json(array_remove(array[case when pubinsert then 'insert' end, case when pubupdate then 'update' end,
         case when pubdelete then 'delete' end, case when pubtruncate then 'truncate' end], null)) as publish,
       p.pubviaroot as via_root, to_jsonb(p) ->> 'pubgencols' as generated
     from pg_publication p`,
  );
  return rows.flatMap((row) => {
    if (isPlatformPublication(row.raw)) return [];
    const options = [
      `publish = '${row.publish.join(', ')}'`,
      `publish_via_partition_root = ${row.via_root}`,
      ...(row.generated === 's' ? ['publish_generated_columns = stored'] : []),
    ];
    const definition = words(row.all && 'FOR ALL TABLES', `WITH (${options.join(', ')})`);
    const draft = makeDraft({
      kind: 'publication',
      identity: row.name,
      definition,
      create: [`CREATE PUBLICATION ${row.name} ${definition}`],
      sqlName: `PUBLICATION ${row.name}`,
      address: address(CLASS.publication, row.oid),
      // Only a superuser may own one that publishes all tables or whole schemas; hosted projects bend that rule.
      owner: row.all || row.schemas ? null : row.owner,
    });
    return [draft];
  });
}

async function readPublishedTables(context: ReadContext): Promise<Draft[]> {
  type MemberRow = {
    oid: number;
    raw: string;
    publication: string;
    schema: string;
    table: string;
    columns: string[] | null;
    filter: string | null;
  };
  const rows = await scoped<MemberRow>(
    context,
    `select m.oid, p.pubname as raw, quote_ident(p.pubname) as publication, n.nspname as schema,
       ${qualified('n.nspname', 'c.relname')} as "table", pg_get_expr(m.prqual, m.prrelid) as filter,
       (select json_agg(quote_ident(a.attname) order by a.attnum) from unnest(m.prattrs::int2[]) k(attnum)
         join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum) as columns
     from pg_publication_rel m join pg_publication p on p.oid = m.prpubid join pg_class c on c.oid = m.prrelid
     join pg_namespace n on n.oid = c.relnamespace where n.nspname = any($1)`,
  );
  return rows
    .filter((row) => !isPlatformPublication(row.raw))
    .map((row) => {
      const definition = words(
        `TABLE ONLY ${row.table}`,
        row.columns !== null && `(${row.columns.join(', ')})`,
        row.filter !== null && `WHERE (${row.filter})`,
      );
      return makeDraft({
        kind: 'publication-table',
        identity: `${row.publication}: ${row.table}`,
        schema: row.schema,
        table: row.table,
        definition,
        create: [`ALTER PUBLICATION ${row.publication} ADD ${definition}`],
        drop: `ALTER PUBLICATION ${row.publication} DROP TABLE ONLY ${row.table}`,
        address: address(CLASS.publicationTable, row.oid),
        needs: [`publication ${row.publication}`],
      });
    });
}

async function readPublishedSchemas(context: ReadContext): Promise<Draft[]> {
  const rows = await scoped<{ raw: string; publication: string; schema: string; name: string }>(
    context,
    `select p.pubname as raw, quote_ident(p.pubname) as publication, n.nspname as schema, quote_ident(n.nspname) as name
     from pg_publication_namespace m join pg_publication p on p.oid = m.pnpubid
     join pg_namespace n on n.oid = m.pnnspid where n.nspname = any($1)`,
  );
  return rows
    .filter((row) => !isPlatformPublication(row.raw))
    .map((row) => {
      const definition = `TABLES IN SCHEMA ${row.name}`;
      return makeDraft({
        kind: 'publication-table',
        identity: `${row.publication}: schema ${row.name}`,
        schema: row.schema,
        definition,
        create: [`ALTER PUBLICATION ${row.publication} ADD ${definition}`],
        drop: `ALTER PUBLICATION ${row.publication} DROP ${definition}`,
        needs: [`publication ${row.publication}`],
      });
    });
}

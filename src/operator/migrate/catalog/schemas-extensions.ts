import { address, aclJson, CLASS, makeDraft, scoped, type AclItem, type Part, type ReadContext } from './context.ts';

/** Schemas that are read, and every extension wherever it lives. */
export async function readSchemasAndExtensions(context: ReadContext): Promise<Part> {
  return { drafts: [...(await readSchemas(context)), ...(await readExtensions(context))] };
}

async function readSchemas(context: ReadContext): Promise<Part['drafts']> {
  const rows = await scoped<{ oid: number; name: string; identity: string; owner: number; acl: AclItem[] | null }>(
    context,
    `select n.oid, n.nspname as name, quote_ident(n.nspname) as identity, n.nspowner as owner,
       ${aclJson('n.nspacl', 'n', 'n.nspowner')} as acl
     from pg_namespace n where n.nspname = any($1)`,
  );
  return rows.map((row) =>
    makeDraft({
      kind: 'schema',
      identity: row.identity,
      schema: row.name,
      definition: 'schema',
      // Every new database comes with a schema public.
      create: [`CREATE SCHEMA ${row.name === 'public' ? 'IF NOT EXISTS ' : ''}${row.identity}`],
      sqlName: `SCHEMA ${row.identity}`,
      address: address(CLASS.namespace, row.oid),
      owner: row.owner,
      acl: row.acl ?? [],
    }),
  );
}

/**
 * Versions are left out of the definition: what counts is that the target offers the extension in the same schema.
 * `WITH SCHEMA` is left out where the extension makes its own schema, which then must not exist before.
 */
async function readExtensions(context: ReadContext): Promise<Part['drafts']> {
  const rows = await context.session.rows<{ oid: number; name: string; schema: string; owns_schema: boolean }>(
    `select e.oid, quote_ident(e.extname) as name, quote_ident(n.nspname) as schema,
       exists (select from pg_depend d where d.classid = ${CLASS.namespace} and d.objid = n.oid
         and d.refclassid = ${CLASS.extension} and d.refobjid = e.oid and d.deptype = 'e') as owns_schema
     from pg_extension e join pg_namespace n on n.oid = e.extnamespace`,
  );
  return rows.map((row) => {
    const bare = `CREATE EXTENSION IF NOT EXISTS ${row.name}`;
    const inSchema = row.owns_schema ? [bare] : [`${bare} WITH SCHEMA ${row.schema}`];
    const makesSchema = row.owns_schema || row.schema === 'pg_catalog' || row.schema === 'public';
    return makeDraft({
      kind: 'extension',
      identity: row.name,
      definition: `schema ${row.schema}`,
      create: makesSchema ? inSchema : [`CREATE SCHEMA IF NOT EXISTS ${row.schema}`, ...inSchema],
      sqlName: `EXTENSION ${row.name}`,
      address: address(CLASS.extension, row.oid),
      needs: [`schema ${row.schema}`],
    });
  });
}

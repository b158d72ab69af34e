import { literal } from '../../../foundation/postgres/sql.ts';
import {
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  type Part,
  type ReadContext,
} from './context.ts';

/** Collations of the user's own. Their columns were renamed in 17 (colllocale), so they are read through json. */
export async function readCollations(context: ReadContext): Promise<Part> {
  type CollationRow = {
    oid: number;
    schema: string;
    identity: string;
    owner: number;
    provider: string;
    deterministic: boolean;
    collate: string | null;
    ctype: string | null;
    locale: string | null;
    rules: string | null;
  };
  const rows = await scoped<CollationRow>(
    context,
    `select c.oid, n.nspname as schema, ${qualified('n.nspname', 'c.collname')} as identity, c.collowner as owner,
       c.collprovider as provider, c.collisdeterministic as deterministic, c.collcollate as collate, c.collctype as ctype,
       coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale') as locale,
       to_jsonb(c) ->> 'collicurules' as rules
     from pg_collation c join pg_namespace n on n.oid = c.collnamespace
     where n.nspname = any($1) and ${notOfExtension(CLASS.collation, 'c.oid')}`,
  );
  const providers: Record<string, string> = { i: 'icu', c: 'libc', b: 'builtin' };
  const drafts = rows.map((row) => {
    const options = [
      `provider = ${providers[row.provider] ?? 'libc'}`,
      ...(row.deterministic ? [] : ['deterministic = false']),
      ...(row.locale === null
        ? [`lc_collate = ${literal(row.collate ?? 'C')}`, `lc_ctype = ${literal(row.ctype ?? 'C')}`]
        : [`locale = ${literal(row.locale)}`]),
      ...(row.rules === null ? [] : [`rules = ${literal(row.rules)}`]),
    ].join(', ');
    return makeDraft({
      kind: 'collation',
      identity: row.identity,
      schema: row.schema,
      definition: options,
      create: [`CREATE COLLATION ${row.identity} (${options})`],
      sqlName: `COLLATION ${row.identity}`,
      address: address(CLASS.collation, row.oid),
      owner: row.owner,
    });
  });
  return { drafts };
}

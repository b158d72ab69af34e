import type { Session } from '../../src/foundation/postgres/session.ts';

/** Tables and their columns as one side has them; the other side may have more. */
export type Shape = ReadonlyMap<string, readonly string[]>;

const ELSEWHERE =
  '^(pg_|information_schema|vectabase|realtime|_realtime|vault|cron|net|supabase_functions|graphql|pgsodium|extensions|pgbouncer)';

export async function shapeOf(session: Session): Promise<Shape> {
  const rows = await session.rows<{ table: string; columns: string[] }>(
    `select format('%I.%I', n.nspname, c.relname) as table,
            coalesce((select json_agg(quote_ident(attname) order by attname) from pg_attribute a
                      where a.attrelid = c.oid and attnum > 0 and not attisdropped), '[]') as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and c.relispopulated and n.nspname !~ $1 order by 1`,
    [ELSEWHERE],
  );
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

/**
 * What every table holds, by another road than the engine's: exact count and md5 over the sorted md5s of the rows' text.
 * Equal maps mean that no row was lost, doubled or changed.
 */
export async function contentOf(session: Session, shape: Shape): Promise<Record<string, string>> {
  await session.script(
    `set search_path = ''; set extra_float_digits = 3; set timezone = 'UTC'; set row_security = off; set datestyle = 'ISO, YMD'`,
  );
  const content: Record<string, string> = {};
  for (const [table, columns] of shape) {
    if (table === 'auth.schema_migrations' || table === 'storage.migrations') continue;
    const row = columns.length === 0 ? `'row'` : `row(${columns.map((column) => `t.${column}`).join(', ')})::text`;
    const [sum] = await session.rows<{ sum: string }>(
      `select count(*) || ' ' || coalesce(md5(string_agg(md5(${row}), '' order by md5(${row}))), '-') as sum from only ${table} t`,
    );
    content[table] = sum?.sum ?? '';
  }
  return content;
}

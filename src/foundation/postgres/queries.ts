import { readFile } from 'node:fs/promises';
import { assetPath } from '../core/assets.ts';
import type { Session } from './session.ts';
import { ident } from './sql.ts';

/**
 * Runs the query `templates/sql/<area>/<name>.sql`. Each row is an object of JSON values: numbers as numbers, columns in
 * their order.
 *
 * @param names for `{{name}}` in the file; each arrives as a quoted identifier
 */
export async function runQuery<R>(
  session: Session,
  area: string,
  name: string,
  names: Readonly<Record<string, readonly string[]>> = {},
): Promise<R[]> {
  const text = await readFile(assetPath('templates', 'sql', area, `${name}.sql`), 'utf8');
  const query = text.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => ident(...(names[key] ?? [])));
  const rows = await session.rows<{ row: string }>(`select to_json(found)::text as row from (\n${query}\n) found`);
  return rows.map(({ row }) => JSON.parse(row) as R);
}

import type { Session } from '../postgres/session.ts';

/** `schema.table.column` of every column that holds nothing but envelopes now. Needs no key. */
export async function encryptedNames(session: Session): Promise<ReadonlySet<string>> {
  const [books] = await session.rows<{ there: boolean }>(
    `select to_regclass('vectabase.encrypted_columns') is not null as there`,
  );
  if (books?.there !== true) return new Set();
  const rows = await session.rows<{ name: string }>(
    `select concat_ws('.', schema_name, table_name, column_name) as name
     from vectabase.encrypted_columns where state = 'encrypted'`,
  );
  return new Set(rows.map(({ name }) => name));
}

import { ident } from '../../foundation/postgres/sql.ts';
import { columnsIn, type SealedColumn } from '../../foundation/encryption/sealed-columns.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { nameOf, type ColumnStatus, type EncryptionStatus } from './model.ts';
import { textOf, withDatabase } from './open.ts';

/** What is encrypted, how far, and under which keys. Needs no key. */
export async function encryptionStatus(target: DatabaseAddress): Promise<EncryptionStatus> {
  return withDatabase(target, false, async (session) => {
    const columns: ColumnStatus[] = [];
    for (const column of await columnsIn(async (text) => textOf(session, text))) {
      columns.push(await statusOf(session, column));
    }
    const dataKeys = await session.rows<{ id: string; active: boolean; made_at: string }>(
      `select id, active, to_char(made_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as made_at
        from vectabase.data_keys where purpose = 'data' order by made_at`,
    );
    return {
      database: target.database,
      columns,
      dataKeys: dataKeys.map(({ id, active, made_at: madeAt }) => ({ id, active, madeAt })),
      masterKeys: Number(await textOf(session, 'select count(*)::text from vectabase.master_keys')),
    };
  });
}

/** Values by the id of their data key; `plain` for what is no envelope. */
export async function valuesByKey(session: Session, { name, form }: SealedColumn): Promise<Record<string, number>> {
  const text = form === 'bytea' ? `encode(${ident(name.column)}, 'escape')` : `${ident(name.column)}::text`;
  const rows = await session.rows<{ id: string; values: string }>(
    `select case when starts_with(value, 'vt1.') then split_part(value, '.', 2) else 'plain' end as id, count(*)::text as values
      from (select ${text} as value from ${ident(name.schema, name.table)} where ${ident(name.column)} is not null) as stored
      group by 1 order by 1`,
  );
  return Object.fromEntries(rows.map(({ id, values }) => [id, Number(values)]));
}

async function statusOf(session: Session, column: SealedColumn): Promise<ColumnStatus> {
  const [row] = await session.rows<{ residue: boolean }>(
    'select residue from vectabase.encrypted_columns where id = $1',
    [column.id],
  );
  return {
    column: nameOf(column.name),
    state: column.state,
    blindIndex: column.indexed,
    readers: [...column.readers],
    values: await valuesByKey(session, column),
    residue: row?.residue === true,
  };
}

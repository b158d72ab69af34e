import { parseEnvelope } from '../../foundation/encryption/envelope.ts';
import { netstrings } from '../../foundation/encryption/binding.ts';
import type { SealedTable } from '../../foundation/encryption/rewrite.ts';
import type { SealedColumns } from '../../foundation/encryption/sealed-columns.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { nameOf, type Context, type EncryptionInput } from './model.ts';
import { openSealed, tablesOf, withDatabase } from './open.ts';

export interface VerifyResult {
  readonly database: string;
  readonly values: number;
  /** Values that do not open where they stand, by column: the first of their rows, by primary key. */
  readonly damaged: ReadonlyArray<{ readonly column: string; readonly key: readonly string[]; readonly why: string }>;
  readonly bad: number;
}

const CHUNK = 5_000;
const NAMED = 100;

/** Opens every encrypted value with the keys of the database, and compares its blind index. Changes nothing. */
export async function verifyEncryption(
  { target, masterKey }: Omit<EncryptionInput, 'policy'>,
  ctx: Context,
): Promise<VerifyResult> {
  return withDatabase(target, false, async (session) => {
    const sealed = await openSealed(session, masterKey);
    let values = 0;
    let bad = 0;
    const damaged: Array<VerifyResult['damaged'][number]> = [];
    for (const table of await tablesOf(session, sealed.all())) {
      const id = `${table.schema}.${table.table}`;
      ctx.observe({ event: 'encryption.table.started', id, rows: 0 });
      let rows = 0;
      await inTransaction(
        session,
        async () => {
          await session.script(declareSql(table));
          for (let more = true; more;) {
            ctx.signal.throwIfAborted();
            const chunk = await session.rows<Record<string, string | null>>(`fetch ${CHUNK} from verified`);
            for (const row of chunk) {
              for (const found of wrongIn(row, table, sealed)) {
                bad++;
                if (damaged.length < NAMED) damaged.push(found);
              }
              values += table.columns.filter((_, at) => row[`v${at}`] !== null).length;
            }
            rows += chunk.length;
            more = chunk.length > 0;
            ctx.observe({ event: 'encryption.table.progress', id, rows });
          }
        },
        'begin isolation level repeatable read read only',
      );
      ctx.observe({ event: 'encryption.table.finished', id, rows });
    }
    return { database: target.database, values, damaged, bad };
  });
}

function declareSql({ schema, table, columns, key }: SealedTable): string {
  const list = [
    ...key.map(({ name }, at) => `${ident(name)}::text as k${at}`),
    ...columns.map(({ name, form }, at) => {
      const column = ident(name.column);
      return `${form === 'bytea' ? `encode(${column}, 'escape')` : `${column}::text`} as v${at}`;
    }),
  ];
  return `declare verified no scroll cursor for select ${list.join(', ')} from ${ident(schema, table)}`;
}

function wrongIn(row: Readonly<Record<string, string | null>>, table: SealedTable, sealed: SealedColumns) {
  const key = table.key.map((_, at) => row[`k${at}`] ?? '');
  const rowKey = netstrings(key);
  return table.columns.flatMap((column, at) => {
    const stored = row[`v${at}`];
    if (typeof stored !== 'string') return [];
    const opened = sealed.keys.open({ column: column.name, rowKey }, stored);
    const name = nameOf(column.name);
    if (!opened.ok)
      return column.mixed && opened.why === 'not-an-envelope' ? [] : [{ column: name, key, why: opened.why }];
    const index = column.indexed ? sealed.keys.blindIndex(column.name, opened.plaintext) : undefined;
    return parseEnvelope(stored)?.index === index ? [] : [{ column: name, key, why: 'wrong blind index' }];
  });
}

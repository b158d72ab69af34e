import { parseEnvelope } from '../../foundation/encryption/envelope.ts';
import { netstrings } from '../../foundation/encryption/binding.ts';
import type { SealedTable } from '../../foundation/encryption/rewrite.ts';
import type { SealedColumn, SealedColumns } from '../../foundation/encryption/sealed-columns.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { nameOf, type Context, type EncryptionInput } from './model.ts';
import { openSealed, tablesOf, withDatabase } from './open.ts';

export interface VerifyResult {
  readonly database: string;
  /** Envelopes. */
  readonly values: number;
  /** Values that stand in plaintext, in columns whose encrypting or undoing has not ended. */
  readonly plain: { readonly applying: number; readonly undoing: number };
  /** Values that do not open where they stand, by column: the first of their rows, by primary key. */
  readonly damaged: ReadonlyArray<{ readonly column: string; readonly key: readonly string[]; readonly why: string }>;
  readonly bad: number;
}

const CHUNK = 5_000;
const NAMED = 100;
const NOT_SEALED = 'not-an-envelope';

/** Opens every encrypted value with the keys of the database, and compares its blind index. Changes nothing. */
export async function verifyEncryption(
  { target, masterKey }: Omit<EncryptionInput, 'policy'>,
  ctx: Context,
): Promise<VerifyResult> {
  return withDatabase(target, false, async (session) => {
    const sealed = await openSealed(session, masterKey);
    let values = 0;
    let bad = 0;
    const plain = { applying: 0, undoing: 0 };
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
              for (const { column, key, state, why } of judged(row, table, sealed)) {
                if (why === NOT_SEALED && state !== 'encrypted') {
                  plain[state]++;
                  continue;
                }
                if (why !== NOT_SEALED) values++;
                if (why === undefined) continue;
                bad++;
                if (damaged.length < NAMED) damaged.push({ column, key, why });
              }
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
    return { database: target.database, values, plain, damaged, bad };
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

/** The values of a row, each with what is wrong with it. */
function judged(row: Readonly<Record<string, string | null>>, table: SealedTable, sealed: SealedColumns) {
  const key = table.key.map((_, at) => row[`k${at}`] ?? '');
  const rowKey = netstrings(key);
  return table.columns.flatMap((column, at) => {
    const stored = row[`v${at}`];
    if (typeof stored !== 'string') return [];
    return [{ column: nameOf(column.name), key, state: column.state, why: wrongWith(stored, column, rowKey, sealed) }];
  });
}

function wrongWith(stored: string, column: SealedColumn, rowKey: string, { keys }: SealedColumns): string | undefined {
  const opened = keys.open({ column: column.name, rowKey }, stored);
  if (!opened.ok) return opened.why;
  const index = column.indexed ? keys.blindIndex(column.name, opened.plaintext) : undefined;
  return parseEnvelope(stored)?.index === index ? undefined : 'wrong blind index';
}

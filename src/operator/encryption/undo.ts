import { rewriteTable, type Change } from '../../foundation/encryption/rewrite.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import type { SealedColumns } from '../../foundation/encryption/sealed-columns.ts';
import { alignCursors } from './apply.ts';
import { nameOf, type Context, type EncryptionInput } from './model.ts';
import { openSealed, tablesOf, untilDaemonsKnow, withDatabase } from './open.ts';
import { damagedValues } from './words.ts';

export interface UndoResult {
  readonly database: string;
  readonly columns: readonly string[];
  readonly values: number;
}

/**
 * Takes columns back to plaintext, with the indexes and constraints that they had. `encrypted` or `applying` →
 * `undoing`, batches, gone; killed at any point, the same call goes on.
 *
 * @param only `schema.table.column` each; all encrypted columns when empty
 * @throws VectabaseError ENCRYPTION_DAMAGED for a value that does not open; everything else of its column is plaintext then
 */
export async function undoEncryption(
  { target, masterKey }: Omit<EncryptionInput, 'policy'>,
  only: readonly string[],
  ctx: Context,
): Promise<UndoResult> {
  return withDatabase(target, true, async (session) => {
    const before = await openSealed(session, masterKey);
    const wanted = before.all().filter(({ name }) => only.length === 0 || only.includes(nameOf(name)));
    for (const { name, state } of wanted) {
      if (state === 'undoing') continue;
      await session.rows('select vectabase.begin_decryption($1, $2, $3)', [name.schema, name.table, name.column]);
    }
    if (wanted.length > 0) await untilDaemonsKnow(ctx.signal);
    const values = await decryptAll(session, await openSealed(session, masterKey), ctx);
    return { database: target.database, columns: wanted.map(({ name }) => nameOf(name)), values };
  });
}

async function decryptAll(session: Session, sealed: SealedColumns, ctx: Context): Promise<number> {
  const damaged: string[] = [];
  const change: Change = async (stored, column, rowKey) => {
    const opened = sealed.keys.open({ column: column.name, rowKey }, stored.toString('latin1'));
    if (opened.ok) return opened.plaintext;
    // What is no envelope was written as plaintext since the undoing began.
    if (opened.why !== 'not-an-envelope') damaged.push(`${nameOf(column.name)} ${rowKey}`);
    return undefined;
  };
  let total = 0;
  const undoing = sealed.all().filter(({ state }) => state === 'undoing');
  for (const table of await tablesOf(session, undoing)) {
    const id = `${table.schema}.${table.table}`;
    await alignCursors(
      session,
      table.columns.map((column) => column.id),
    );
    ctx.observe({ event: 'encryption.table.started', id, rows: 0 });
    let rows = 0;
    total += await rewriteTable(session, table, {
      change,
      signal: ctx.signal,
      onBatch: (batch) => {
        rows += batch.rows;
        ctx.observe({ event: 'encryption.table.progress', id, rows });
      },
    });
    if (damaged.length > 0) throw damagedValues(damaged.length, damaged.slice(0, 20));
    for (const { name } of table.columns) {
      await session.rows('select vectabase.finish_decryption($1, $2, $3)', [name.schema, name.table, name.column]);
    }
    ctx.observe({ event: 'encryption.table.finished', id, rows });
  }
  return total;
}

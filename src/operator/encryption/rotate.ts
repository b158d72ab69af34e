import { addDataKey } from '../../foundation/encryption/key-store.ts';
import { parseEnvelope } from '../../foundation/encryption/envelope.ts';
import { rewriteTable, type Change, type SealedTable } from '../../foundation/encryption/rewrite.ts';
import type { SealedColumns } from '../../foundation/encryption/sealed-columns.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { nameOf, type Context, type EncryptionInput } from './model.ts';
import { openSealed, tablesOf, textOf, untilDaemonsKnow, withDatabase } from './open.ts';
import { valuesByKey } from './status.ts';
import { busy, damagedValues } from './words.ts';

export interface RotateResult {
  readonly database: string;
  /** The data key that all values are under now. */
  readonly keyId: string;
  readonly resumed: boolean;
  readonly values: number;
}

/** A daemon that had not heard of the new key may still have written under the old one while we passed. */
const PASSES = 5;

/**
 * Brings every value under a new data key. Old keys stay, to read backups and what is not rewritten yet:
 *
 *   idle → rotating: the new key is made and becomes the one that writes
 *   rotating → rotating: a batch is rewritten, the cursor moves with it
 *   rotating → idle: no value is under another key
 *
 * @throws VectabaseError ENCRYPTION_BUSY, ENCRYPTION_DAMAGED, LOCK_HELD; the signal's reason
 */
export async function rotateDataKey(
  { target, masterKey }: Omit<EncryptionInput, 'policy'>,
  ctx: Context,
): Promise<RotateResult> {
  return withDatabase(target, true, async (session) => {
    const unfinished = (await openSealed(session, masterKey)).all().find(({ state }) => state !== 'encrypted');
    if (unfinished)
      throw busy(
        `${nameOf(unfinished.name)} is ${unfinished.state === 'undoing' ? 'being undone' : 'being encrypted'}`,
      );
    const { keyId, resumed } = await beginRotation(session, masterKey);
    ctx.observe({ event: 'encryption.key.noted', id: keyId });
    await untilDaemonsKnow(ctx.signal);
    const sealed = await openSealed(session, masterKey);
    const tables = await tablesOf(session, sealed.all());
    let values = 0;
    for (const table of tables) values += await rotateTable(session, table, sealed, ctx);
    await session.rows('update vectabase.encrypted_columns set rotating_to = null');
    return { database: target.database, keyId, resumed, values };
  });
}

async function beginRotation(session: Session, masterKey: Buffer): Promise<{ keyId: string; resumed: boolean }> {
  const under = await textOf(session, `select coalesce(max(rotating_to), '') from vectabase.encrypted_columns`);
  if (under !== '') return { keyId: under, resumed: true };
  return inTransaction(session, async () => {
    const keyId = await addDataKey(session, masterKey);
    await session.rows('update vectabase.encrypted_columns set rotating_to = $1, cursor = null', [keyId]);
    await session.rows(`select pg_notify('pgrst', 'reload schema')`);
    return { keyId, resumed: false };
  });
}

async function rotateTable(session: Session, table: SealedTable, sealed: SealedColumns, ctx: Context): Promise<number> {
  const id = `${table.schema}.${table.table}`;
  const { activeId } = sealed.keys;
  const damaged: string[] = [];
  const change: Change = async (stored, column, rowKey) => {
    const text = stored.toString('latin1');
    if (parseEnvelope(text)?.keyId === activeId) return undefined;
    const place = { column: column.name, rowKey };
    const opened = sealed.keys.open(place, text);
    if (opened.ok) return Buffer.from(sealed.keys.seal(place, opened.plaintext, column.indexed));
    damaged.push(`${nameOf(column.name)} ${rowKey}`);
    return undefined;
  };
  ctx.observe({ event: 'encryption.table.started', id, rows: 0 });
  let [rows, values] = [0, 0];
  for (let pass = 1; pass === 1 || (pass <= PASSES && (await hasOthers(session, table, activeId))); pass++) {
    values += await rewriteTable(session, table, {
      change,
      signal: ctx.signal,
      onBatch: (batch) => {
        rows += batch.rows;
        ctx.observe({ event: 'encryption.table.progress', id, rows });
      },
    });
    if (damaged.length > 0) throw damagedValues(damaged.length, damaged.slice(0, 20));
  }
  ctx.observe({ event: 'encryption.table.finished', id, rows });
  return values;
}

async function hasOthers(session: Session, { columns }: SealedTable, activeId: string): Promise<boolean> {
  for (const column of columns) {
    const counts = await valuesByKey(session, column);
    if (Object.keys(counts).some((id) => id !== activeId)) return true;
  }
  return false;
}

import { ensureKeys } from '../../foundation/encryption/key-store.ts';
import { rewriteTable, type Change } from '../../foundation/encryption/rewrite.ts';
import type { SealedColumns } from '../../foundation/encryption/sealed-columns.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { nameOf, type ColumnPlan, type Context, type EncryptionInput, type EncryptionPlan } from './model.ts';
import { openSealed, tablesOf, untilDaemonsKnow, withDatabase } from './open.ts';
import { planEncryption } from './plan.ts';
import { removeResidue } from './residue.ts';
import { blocked, notUnique } from './words.ts';

export interface ApplyResult extends EncryptionPlan {
  /** Values that were encrypted now. */
  readonly values: number;
  /** False when old copies of what is encrypted now may still be on the disk. */
  readonly clean: boolean;
}

export interface ApplyOptions {
  /** Leave plaintext in free pages, statistics and the log of Postgres: removing it locks each table for a moment. */
  readonly keepResidue?: boolean;
  /** What stood encrypted in another way before: gives the plaintext, or `undefined` for what is plaintext already. */
  readonly legacy?: (session: Session, stored: Buffer, column: string) => Promise<Buffer | undefined>;
}

/**
 * Encrypts the columns of the policy:
 *
 *   absent → applying: the trigger and the blind index are made; new values are encrypted, old ones are plaintext
 *   applying → applying: a batch of old values is encrypted, the cursor moves with it
 *   applying → encrypted: no plaintext is left; the plain indexes are dropped
 *
 * Each arrow is one transaction; killed at any point, the same call goes on.
 *
 * @throws VectabaseError ENCRYPTION_BLOCKED before anything is changed; LOCK_HELD, MASTER_KEY_WRONG; the signal's reason
 */
export async function applyEncryption(
  { target, policy, masterKey }: EncryptionInput,
  ctx: Context,
  options: ApplyOptions = {},
): Promise<ApplyResult> {
  return withDatabase(target, true, async (session) => {
    const plan = await planEncryption(session, policy);
    const bad = plan.columns.filter(({ action }) => action === 'blocked');
    if (bad.length > 0) throw blocked(bad);
    await inTransaction(session, () => ensureKeys(session, masterKey));
    const fresh = plan.columns.filter(({ action }) => action === 'encrypt');
    for (const column of fresh) await begin(session, column);
    if (fresh.length > 0) await untilDaemonsKnow(ctx.signal);
    const values = await encryptOld(session, await openSealed(session, masterKey), ctx, options);
    const clean = options.keepResidue === true ? false : await removeResidue(session, ctx);
    return { ...(await planEncryption(session, policy)), values, clean };
  });
}

async function begin(session: Session, { schema, table, column, form, blindIndex, readers, rowKey }: ColumnPlan) {
  await inTransaction(session, async () => {
    // Behind a long transaction, everybody else would wait behind us.
    await session.script(`set local lock_timeout = '10s'`);
    await session.rows('select vectabase.begin_encryption($1, $2, $3, $4, $5, $6::text[], $7::text[])', [
      schema,
      table,
      column,
      form,
      blindIndex,
      readers,
      rowKey,
    ]);
  });
}

async function encryptOld(
  session: Session,
  sealed: SealedColumns,
  ctx: Context,
  { legacy }: ApplyOptions,
): Promise<number> {
  const applying = sealed.all().filter(({ state }) => state === 'applying');
  const change: Change = async (stored, column, rowKey) => {
    const place = { column: column.name, rowKey };
    if (sealed.keys.open(place, stored.toString('latin1')).ok) return undefined;
    const plaintext = (await legacy?.(session, stored, nameOf(column.name))) ?? stored;
    return Buffer.from(sealed.keys.seal(place, plaintext, column.indexed));
  };
  let total = 0;
  for (const table of await tablesOf(session, applying)) {
    const id = `${table.schema}.${table.table}`;
    await alignCursors(
      session,
      table.columns.map(({ id: column }) => column),
    );
    ctx.observe({ event: 'encryption.table.started', id, rows: 0 });
    let rows = 0;
    try {
      total += await rewriteTable(session, table, {
        change,
        signal: ctx.signal,
        onBatch: (batch) => {
          rows += batch.rows;
          ctx.observe({ event: 'encryption.table.progress', id, rows });
        },
      });
    } catch (error) {
      throw isSqlState(error, '23505') ? notUnique(id) : error;
    }
    for (const { name } of table.columns) {
      await session.rows('select vectabase.finish_encryption($1, $2, $3)', [name.schema, name.table, name.column]);
    }
    ctx.observe({ event: 'encryption.table.finished', id, rows });
  }
  return total;
}

/** Columns that were begun at different times are gone through together, from the first row. */
export async function alignCursors(session: Session, ids: readonly number[]): Promise<void> {
  await session.rows(
    `update vectabase.encrypted_columns set cursor = null where id = any ($1::int[])
      and (select count(distinct coalesce(cursor, '{}')) from vectabase.encrypted_columns where id = any ($1::int[])) > 1`,
    [ids],
  );
}

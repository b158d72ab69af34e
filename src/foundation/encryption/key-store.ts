import { randomBytes } from 'node:crypto';
import { VectabaseError } from '../core/errors.ts';
import { openGcm, sealGcm } from '../crypto/aes-gcm.ts';
import { hkdfExpand, pbkdf2Sha256, PBKDF2_ITERATIONS } from '../crypto/derive.ts';
import type { Session } from '../postgres/session.ts';
import { netstrings } from './binding.ts';
import { newKeyId } from './envelope.ts';
import { ColumnKeys } from './column-keys.ts';

/**
 * master key → PBKDF2-HMAC-SHA256, 100 000 rounds, a salt of the installation → HKDF → one key that wraps the data keys
 * and one that seals the check value. Only what is wrapped is in the database.
 */
interface MasterRow {
  readonly id: string;
  readonly iterations: number;
  /** Hexadecimal digits. */
  readonly salt: string;
  readonly check: string;
}

interface WrappedRow {
  readonly master: string;
  readonly key: string;
  readonly purpose: 'data' | 'index';
  readonly active: boolean;
  readonly wrapped: string;
}

export interface StoredKeys {
  readonly masters: readonly MasterRow[];
  readonly keys: readonly WrappedRow[];
}

/** One JSON text. Empty lists before the first key. Needs the rights of `authenticator`. */
export const STORED_KEYS = `
select json_build_object(
  'masters', (select coalesce(json_agg(json_build_object('id', id, 'iterations', iterations, 'salt', encode(salt, 'hex'),
    'check', encode(check_value, 'hex')) order by made_at), '[]') from vectabase.master_keys),
  'keys', (select coalesce(json_agg(json_build_object('master', w.master_id, 'key', k.id, 'purpose', k.purpose,
    'active', k.active, 'wrapped', encode(w.wrapped, 'hex')) order by k.made_at), '[]')
    from vectabase.wrapped_keys w join vectabase.data_keys k on k.id = w.key_id))::text as keys`;

/**
 * Opens what the database keeps with the master key that somebody brought.
 *
 * @throws VectabaseError MASTER_KEY_WRONG when it opens none of the check values; ENCRYPTION_DAMAGED
 */
export async function openKeys({ masters, keys }: StoredKeys, masterKey: Buffer): Promise<ColumnKeys> {
  for (const master of masters) {
    const wrapKey = await passes(master, masterKey);
    if (!wrapKey) continue;
    return new ColumnKeys(
      unwrapAll(
        keys.filter((row) => row.master === master.id),
        wrapKey,
      ),
    );
  }
  throw new VectabaseError('MASTER_KEY_WRONG', {
    message: 'the master key does not open the data keys of this database',
    hint: 'Bring back the master key that encrypted it. Nothing else opens its encrypted columns.',
  });
}

/** Whether this master key is one of those that the keys are wrapped under. */
export async function opensKeys({ masters }: StoredKeys, masterKey: Buffer): Promise<boolean> {
  for (const master of masters) if (await passes(master, masterKey)) return true;
  return false;
}

/** Makes the first data key and index key under this master key, if there are none. In the caller's transaction. */
export async function ensureKeys(session: Session, masterKey: Buffer): Promise<{ readonly made: boolean }> {
  await session.rows('lock table vectabase.master_keys in share row exclusive mode');
  const [any] = await session.rows('select from vectabase.master_keys limit 1');
  if (any) return { made: false };
  const master = await addMaster(session, masterKey);
  await addKey(session, 'data', [master]);
  await addKey(session, 'index', [master]);
  return { made: true };
}

/** A new key that new values are sealed with from now on; older ones stay to read with. */
export async function addDataKey(session: Session, masterKey: Buffer): Promise<string> {
  const stored = await readStoredKeys(session);
  const masters: Master[] = [];
  for (const row of stored.masters) {
    const wrapKey = await passes(row, masterKey);
    if (!wrapKey) throw midRotation();
    masters.push({ id: row.id, wrapKey });
  }
  await session.rows("update vectabase.data_keys set active = false where purpose = 'data' and active");
  return addKey(session, 'data', masters);
}

/** Wraps every key once more, under another master key. Both open the database until the old one is dropped. */
export async function wrapUnder(session: Session, oldKey: Buffer, newKey: Buffer): Promise<void> {
  const stored = await readStoredKeys(session);
  const keys = await openKeys(stored, oldKey);
  const { id, wrapKey } = await addMaster(session, newKey);
  for (const [keyId, { key, purpose }] of keys.all())
    await insertWrapped(session, { id, wrapKey }, keyId, purpose, key);
}

/** Forgets every master key but this one, which must be among them: else nothing would open the values again. */
export async function keepOnly(session: Session, masterKey: Buffer): Promise<void> {
  const stored = await readStoredKeys(session);
  if (stored.masters.length > 0) await openKeys(stored, masterKey);
  for (const row of stored.masters) {
    if (await passes(row, masterKey)) continue;
    await session.rows('delete from vectabase.master_keys where id = $1', [row.id]);
  }
}

export async function readStoredKeys(session: Session): Promise<StoredKeys> {
  const [row] = await session.rows<{ keys: string }>(STORED_KEYS);
  return JSON.parse(row?.keys ?? '{}') as StoredKeys;
}

interface Master {
  readonly id: string;
  readonly wrapKey: Buffer;
}

/** The key that wraps, when the sealed check value shows that this is the master key. */
async function passes({ id, salt, iterations, check }: MasterRow, masterKey: Buffer): Promise<Buffer | undefined> {
  const { wrapKey, checkKey } = await derive(masterKey, Buffer.from(salt, 'hex'), iterations);
  return openGcm(checkKey, Buffer.from(check, 'hex'), Buffer.from(id)) === undefined ? undefined : wrapKey;
}

async function derive(masterKey: Buffer, salt: Buffer, iterations: number) {
  const root = await pbkdf2Sha256(masterKey, salt, iterations);
  return { wrapKey: hkdfExpand(root, 'vectabase wrap v1'), checkKey: hkdfExpand(root, 'vectabase check v1') };
}

async function addMaster(session: Session, masterKey: Buffer): Promise<Master> {
  const id = newKeyId();
  const salt = randomBytes(16);
  const { wrapKey, checkKey } = await derive(masterKey, salt, PBKDF2_ITERATIONS);
  const check = sealGcm(checkKey, Buffer.from('vectabase'), Buffer.from(id));
  await session.rows('insert into vectabase.master_keys (id, iterations, salt, check_value) values ($1, $2, $3, $4)', [
    id,
    PBKDF2_ITERATIONS,
    salt,
    check,
  ]);
  return { id, wrapKey };
}

async function addKey(session: Session, purpose: 'data' | 'index', masters: readonly Master[]): Promise<string> {
  const id = newKeyId();
  const key = randomBytes(32);
  await session.rows('insert into vectabase.data_keys (id, purpose, active) values ($1, $2, true)', [id, purpose]);
  for (const master of masters) await insertWrapped(session, master, id, purpose, key);
  return id;
}

async function insertWrapped(session: Session, { id, wrapKey }: Master, keyId: string, purpose: string, key: Buffer) {
  const wrapped = sealGcm(wrapKey, key, wrapData(id, keyId, purpose));
  await session.rows('insert into vectabase.wrapped_keys (master_id, key_id, wrapped) values ($1, $2, $3)', [
    id,
    keyId,
    wrapped,
  ]);
}

function wrapData(masterId: string, keyId: string, purpose: string): Buffer {
  return Buffer.from(`vectabase key v1.${netstrings([masterId, keyId, purpose])}`);
}

function unwrapAll(rows: readonly WrappedRow[], wrapKey: Buffer) {
  const data = new Map<string, Buffer>();
  let [activeId, index, indexId]: [string?, Buffer?, string?] = [];
  for (const { master, key: id, purpose, active, wrapped } of rows) {
    const key = openGcm(wrapKey, Buffer.from(wrapped, 'hex'), wrapData(master, id, purpose));
    if (key === undefined) throw damaged(`key ${id} does not open`);
    if (purpose === 'index') [indexId, index] = [id, key];
    else data.set(id, key);
    if (active && purpose === 'data') activeId = id;
  }
  if (activeId === undefined || index === undefined || indexId === undefined) throw damaged('a key is missing');
  return { data, activeId, index, indexId };
}

function damaged(what: string): VectabaseError {
  return new VectabaseError('ENCRYPTION_DAMAGED', {
    message: `the stored data keys are damaged: ${what}`,
    hint: 'Restore the tables vectabase.data_keys and vectabase.wrapped_keys from a backup.',
  });
}

function midRotation(): VectabaseError {
  return new VectabaseError('ENCRYPTION_BUSY', {
    message: 'the master key is being changed',
    hint: 'Finish it first: vectabase encryption rotate --master --finish.',
  });
}

import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const ITERATIONS = 100_000;
const KEY_BYTES = 32;

/** What is kept beside the cluster to tell the right master key from a wrong one. Tells nothing about the key. */
export interface MasterKeyCheck {
  readonly version: 1;
  readonly kdf: 'pbkdf2-hmac-sha256';
  readonly iterations: number;
  /** Both in hexadecimal digits. */
  readonly salt: string;
  readonly value: string;
}

export function newMasterKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** Reads 64 hexadecimal digits, or 32 bytes in base64; `undefined` when it is neither. */
export function parseMasterKey(text: string): Buffer | undefined {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return undefined;
  const key = Buffer.from(trimmed, 'base64');
  return key.length === KEY_BYTES ? key : undefined;
}

export async function makeMasterKeyCheck(key: Buffer): Promise<MasterKeyCheck> {
  const salt = randomBytes(16);
  const value = await derive(key, salt, ITERATIONS);
  return {
    version: 1,
    kdf: 'pbkdf2-hmac-sha256',
    iterations: ITERATIONS,
    salt: salt.toString('hex'),
    value: value.toString('hex'),
  };
}

/** Takes the same time for every wrong key. */
export async function isMasterKey(key: Buffer, check: MasterKeyCheck): Promise<boolean> {
  const want = Buffer.from(check.value, 'hex');
  const have = await derive(key, Buffer.from(check.salt, 'hex'), check.iterations);
  return want.length === have.length && timingSafeEqual(want, have);
}

/** The label keeps this value apart from every key that is ever derived from the same master key. */
async function derive(key: Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
  return promisify(pbkdf2)(
    key,
    Buffer.concat([Buffer.from('vectabase master key check v1\0'), salt]),
    iterations,
    KEY_BYTES,
    'sha256',
  );
}

import { createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';

/** What requirement 3.3 asks for. About 40 ms. */
export const PBKDF2_ITERATIONS = 100_000;

/** PBKDF2-HMAC-SHA256 (RFC 8018). */
export async function pbkdf2Sha256(
  password: Buffer,
  salt: Buffer,
  iterations = PBKDF2_ITERATIONS,
  length = 32,
): Promise<Buffer> {
  return promisify(pbkdf2)(password, salt, iterations, length, 'sha256');
}

export function hmacSha256(key: Buffer, data: Buffer | string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** HKDF-Expand with SHA-256 (RFC 5869, 2.3): one key for each purpose from one good key. */
export function hkdfExpand(key: Buffer, info: Buffer | string, length = 32): Buffer {
  let block: Buffer = Buffer.alloc(0);
  let made: Buffer = Buffer.alloc(0);
  for (let number = 1; made.length < length; number++) {
    block = hmacSha256(key, Buffer.concat([block, Buffer.from(info), Buffer.from([number])]));
    made = Buffer.concat([made, block]);
  }
  return made.subarray(0, length);
}

import { createCipheriv, randomBytes } from 'node:crypto';
import { hkdfExpand, hmacSha256 } from './derive.ts';

/**
 * Seals text for a database session: `iv | AES-256-CBC | HMAC-SHA256 of both`. Not GCM, because pgcrypto opens this one
 * with two calls of C and GCM with a page of arithmetic, and it is opened for every value.
 */
export function sealForSession(secret: Buffer, text: string): Buffer {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', hkdfExpand(secret, 'encrypt'), iv);
  const body = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([body, hmacSha256(hkdfExpand(secret, 'authenticate'), body)]);
}

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Bytes of a nonce: the 96 bits for which GCM was designed. */
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** AES-256-GCM. Gives `nonce | ciphertext | tag`; the nonce is random unless a test brings a published one. */
export function sealGcm(key: Buffer, plaintext: Buffer, aad: Buffer, nonce: Buffer = randomBytes(NONCE_BYTES)): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** `undefined` when the box was not made with this key and this data, or was changed since. */
export function openGcm(key: Buffer, box: Buffer, aad: Buffer): Buffer | undefined {
  const end = box.length - TAG_BYTES;
  if (end < NONCE_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES));
  decipher.setAAD(aad).setAuthTag(box.subarray(end));
  const plaintext = decipher.update(box.subarray(NONCE_BYTES, end));
  try {
    decipher.final(); // compares the tag, in constant time; adds no bytes
  } catch {
    return undefined;
  }
  return plaintext;
}

import { readFileSync } from 'node:fs';

/** All in hexadecimal digits. */
export interface GcmVector {
  readonly id: string;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

/** Published vectors of AES-256-GCM with 96-bit nonces and whole tags. */
export function gcmVectors(): GcmVector[] {
  const file = new URL('../fixtures/vectors/aes-256-gcm.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: GcmVector[] }).vectors;
}

export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

import { randomInt } from 'node:crypto';

/**
 * How an encrypted value stands in its column: `vt1.<key>.<box>` or `vt1.<key>.<box>.<index>`, all ASCII.
 *
 * key: id of the data key, eight of a-z2-7. box: nonce (12 bytes), ciphertext, tag (16), in base64url without padding.
 * index: blind index, 16 bytes in base64url, where the column has one. A bytea column holds the bytes of the same text.
 */
export interface Envelope {
  readonly keyId: string;
  readonly box: Buffer;
  readonly index: string | undefined;
}

export const ENVELOPE_PREFIX = 'vt1.';
const KEY_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const PATTERN = /^vt1\.([a-z2-7]{8})\.([A-Za-z0-9_-]{38,})(?:\.([A-Za-z0-9_-]{22}))?$/;

export function newKeyId(): string {
  return Array.from({ length: 8 }, () => KEY_LETTERS.charAt(randomInt(KEY_LETTERS.length))).join('');
}

export function formatEnvelope({ keyId, box, index }: Envelope): string {
  const text = `${ENVELOPE_PREFIX}${keyId}.${box.toString('base64url')}`;
  return index === undefined ? text : `${text}.${index}`;
}

/** `undefined` for anything that `formatEnvelope` does not write: one value has one spelling. */
export function parseEnvelope(text: string): Envelope | undefined {
  const [, keyId, encoded, index] = PATTERN.exec(text) ?? [];
  if (keyId === undefined || encoded === undefined) return undefined;
  const box = Buffer.from(encoded, 'base64url');
  // The last letter may carry bits that no byte uses: a second spelling of the same box.
  if (encoded.length % 4 !== 0 && box.toString('base64url') !== encoded) return undefined;
  return { keyId, box, index };
}

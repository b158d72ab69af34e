import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openGcm, sealGcm } from '../../../src/foundation/crypto/aes-gcm.ts';
import { hkdfExpand, pbkdf2Sha256 } from '../../../src/foundation/crypto/derive.ts';
import { gcmVectors, hex } from '../../support/gcm-vectors.ts';

interface Derivations {
  readonly pbkdf2: ReadonlyArray<{
    id: string;
    password: string;
    salt: string;
    iterations: number;
    length: number;
    key: string;
  }>;
  readonly hkdf: ReadonlyArray<{ id: string; prk: string; info: string; length: number; okm: string }>;
}

const file = new URL('../../fixtures/vectors/key-derivation.json', import.meta.url);
const { pbkdf2, hkdf } = JSON.parse(readFileSync(file, 'utf8')) as Derivations;

describe('AES-256-GCM', () => {
  test.each(gcmVectors())('$id', ({ key, iv, aad, msg, ct, tag }) => {
    const box = sealGcm(hex(key), hex(msg), hex(aad), hex(iv));
    expect(box.toString('hex')).toBe(iv + ct + tag);
    expect(openGcm(hex(key), box, hex(aad))?.toString('hex')).toBe(msg);
    for (let at = 0; at < box.length; at++) {
      const flipped = Buffer.from(box);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(openGcm(hex(key), flipped, hex(aad))).toBeUndefined();
      expect(openGcm(hex(key), box.subarray(0, at), hex(aad))).toBeUndefined();
    }
  });

  test('seals the same text differently each time', () => {
    const [key, text] = [Buffer.alloc(32), Buffer.from('same')];
    expect(sealGcm(key, text, text).equals(sealGcm(key, text, text))).toBe(false);
  });
});

test.each(pbkdf2)('PBKDF2-HMAC-SHA256 $id', async ({ password, salt, iterations, length, key }) => {
  const derived = await pbkdf2Sha256(Buffer.from(password), Buffer.from(salt), iterations, length);
  expect(derived.toString('hex')).toBe(key);
});

test.each(hkdf)('HKDF-SHA256 $id', ({ prk, info, length, okm }) => {
  expect(hkdfExpand(hex(prk), hex(info), length).toString('hex')).toBe(okm);
});

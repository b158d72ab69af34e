import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newRecoveryKey, readRecoveryKey, sameRecoveryKey } from '../../../src/foundation/volume/recovery-key.ts';

describe('a recovery key', () => {
  it('has eight groups of four, and is never the same', () => {
    const keys = Array.from({ length: 50 }, newRecoveryKey);
    for (const key of keys) expect(key).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(new Set(keys).size).toBe(50);
  });
  it('is read however a person writes it down', () => {
    const key = newRecoveryKey();
    const written = [
      key.toLowerCase(),
      key.replaceAll('-', ' '),
      key.replaceAll('-', ''),
      key.replaceAll('0', 'O').replaceAll('1', 'l'),
      ` ${key}\n`,
      `Recovery key of the encrypted volume of host:\n\n${key}\n`,
    ];
    for (const each of written) {
      expect(readRecoveryKey(each)).toBe(key);
      expect(sameRecoveryKey(each, key)).toBe(true);
    }
  });
  it('is not another one, nor a part of it', () => {
    const key = newRecoveryKey();
    fc.assert(fc.property(fc.string(), (typed) => !sameRecoveryKey(typed, key)));
    expect(sameRecoveryKey(key.slice(0, -1), key)).toBe(false);
    expect(sameRecoveryKey(`${key}0`, key)).toBe(false);
    expect(sameRecoveryKey(newRecoveryKey(), key)).toBe(false);
    expect(readRecoveryKey(key.replace(/.$/, 'U'))).toBeUndefined();
  });
});

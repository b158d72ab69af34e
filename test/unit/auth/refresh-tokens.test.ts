import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSignedToken, signedToken } from '../../../src/services/auth/moved-tokens.ts';
import {
  isMovedToken,
  newRefreshToken,
  nextRefreshToken,
  storedForm,
} from '../../../src/services/auth/refresh-token.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64url'));

test('a signed token is read back as it was written, and by its own key alone', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.maxSafeNat(), key, key, (session, counter, own, other) => {
      const token = parseSignedToken(signedToken(session, counter, own));
      expect(token).toMatchObject({ sessionId: session, counter });
      expect(token?.isSignedWith(own)).toBe(true);
      expect(token?.isSignedWith(other)).toBe(own === other);
    }),
  );
});

test('no byte of it can be changed', () => {
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.nat(),
      key,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (session, counter, own, at, by) => {
        const bytes = Buffer.from(signedToken(session, counter, own), 'base64url');
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by;
        const token = parseSignedToken(bytes.toString('base64url'));
        expect(token === undefined || !token.isSignedWith(own)).toBe(true);
      },
    ),
  );
});

test('nothing else is taken for one', () => {
  fc.assert(fc.property(fc.string({ maxLength: 120 }), (text) => parseSignedToken(text) === undefined));
  expect(parseSignedToken(newRefreshToken())).toBeUndefined();
  // A counter of more bytes than a number can hold, with a checksum that is right.
  const long = signedToken('00000000-0000-0000-0000-000000000000', Number.MAX_SAFE_INTEGER, 'AA');
  expect(parseSignedToken(long)?.counter).toBe(Number.MAX_SAFE_INTEGER);
});

test('ours: 256 bits, none like those that moved here, each following from the one before by the key', () => {
  const session = randomBytes(32).toString('base64');
  const seen = new Set<string>();
  let token = newRefreshToken();
  for (let step = 0; step < 100; step++) {
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(isMovedToken(token)).toBe(false);
    expect(seen.has(token)).toBe(false);
    seen.add(token);
    expect(nextRefreshToken(session, token)).toBe(nextRefreshToken(session, token));
    expect(nextRefreshToken(randomBytes(32).toString('base64'), token)).not.toBe(nextRefreshToken(session, token));
    token = nextRefreshToken(session, token);
  }
  // What the table holds is no token.
  expect(storedForm(storedForm(token))).not.toBe(storedForm(token));
});

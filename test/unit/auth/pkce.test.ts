import { describe, expect, test } from 'vitest';
import { AuthError } from '../../../src/services/auth/errors.ts';
import { answersChallenge, readChallenge } from '../../../src/services/auth/pkce.ts';

/** RFC 7636, appendix B. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const SITE = 'https://shop.example/in';

test('the example of the RFC', () => {
  const challenge = readChallenge(CHALLENGE, 'S256', SITE);
  expect(challenge).toEqual({ value: CHALLENGE, method: 's256' });
  expect(challenge && answersChallenge(VERIFIER, challenge)).toBe(true);
  expect(challenge && answersChallenge(CHALLENGE, challenge)).toBe(false);
});

describe('plain', () => {
  test.each(['http://localhost:3000/x', 'http://127.0.0.1/', 'http://127.9.9.9:1/', 'http://[::1]:8080/'])(
    'from %s',
    (target) => {
      const challenge = readChallenge(VERIFIER, 'plain', target);
      expect(challenge && answersChallenge(VERIFIER, challenge)).toBe(true);
    },
  );

  test.each([
    SITE,
    'http://shop.example',
    'https://localhost',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'my.app://localhost',
  ])('not from %s', (target) => {
    expect(() => readChallenge(VERIFIER, 'plain', target)).toThrow(AuthError);
  });
});

test.each([
  [CHALLENGE, undefined],
  [undefined, 's256'],
  ['a'.repeat(42), 's256'],
  ['a'.repeat(129), 's256'],
  [`${'a'.repeat(42)}\n`, 's256'],
  [CHALLENGE, 'md5'],
])('%j with %j is refused', (value, method) => {
  expect(() => readChallenge(value, method, SITE)).toThrow(AuthError);
});

test('nothing at all is the implicit flow', () => {
  expect(readChallenge(undefined, null, SITE)).toBeUndefined();
  expect(readChallenge('', '', SITE)).toBeUndefined();
});

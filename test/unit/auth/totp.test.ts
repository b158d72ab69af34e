import fc from 'fast-check';
import { TOTP } from 'otpauth';
import { describe, expect, test } from 'vitest';
import { newTotp, stepOf } from '../../../src/services/auth/totp.ts';

/** RFC 6238, appendix B: the secret of its SHA-1 vectors, whose codes end in these six digits. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

describe('codes by time', () => {
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %d seconds %s', (seconds, code) => {
    expect(stepOf(code, SECRET, { now: seconds * 1000, after: -1 })).toBe(Math.floor(seconds / 30));
  });

  test('one step to either side and no further, and never one that was used', () => {
    const time = fc.integer({ min: 100, max: 4_000_000_000 });
    fc.assert(
      fc.property(time, fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), (seconds, away, used) => {
        const step = Math.floor(seconds / 30);
        const code = new TOTP({ secret: SECRET }).generate({ timestamp: (step + away) * 30_000 });
        const found = stepOf(code, SECRET, { now: seconds * 1000, after: step + used });
        expect(found).toBe(Math.abs(away) <= 1 && away > used ? step + away : undefined);
      }),
      // Two steps within reach may share a code once in a million.
      { seed: 7 },
    );
  });

  test.each(['', '28708', '2870822', ' 287082', '287082 ', '２８７０８２', 'abcdef'])('%j is no code', (code) => {
    expect(stepOf(code, SECRET, { now: 59_000, after: -1 })).toBeUndefined();
  });
});

test('an enrolment: 160 random bits, a URI that apps know, its picture', () => {
  const { secret, uri, qrCode } = newTotp('My & Shop', 'ada@mail.example');
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  expect(newTotp('x', 'y').secret).not.toBe(secret);
  const parsed = new URL(uri);
  expect(parsed.protocol + parsed.host).toBe('otpauth:totp');
  expect(Object.fromEntries(parsed.searchParams)).toMatchObject({
    issuer: 'My & Shop',
    secret,
    digits: '6',
    period: '30',
  });
  expect(qrCode).toMatch(/^<svg[\s\S]*<\/svg>$/);
});

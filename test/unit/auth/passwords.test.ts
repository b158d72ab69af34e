import bcrypt from 'bcrypt';
import { describe, expect, test, vi } from 'vitest';
import { hashPassword, parsePasswordHash, verifyPassword } from '../../../src/foundation/crypto/password-hash.ts';
import { makePasswords } from '../../../src/services/auth/passwords.ts';

/** In this thread: the daemon has others for it. */
const hasher = {
  hash: async (password: string, cost: number) => hashPassword(password, cost),
  verify: async (stored: string, password: string) => verifyPassword(stored, password),
};

describe('the queue', () => {
  test('works on so many at once, lets so many wait, and refuses the rest with 503', async () => {
    const passwords = makePasswords({ hasher, workers: 2, queue: 3, cost: 4 });
    const hash = await bcrypt.hash('right', 4);
    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => passwords.verify(hash, 'right')));
    const refused = settled.filter((each) => each.status === 'rejected');
    expect(refused).toHaveLength(5);
    expect(refused[0]?.reason).toMatchObject({ status: 503, code: 'unexpected_failure' });
    expect(await passwords.verify(hash, 'right')).toEqual({ ok: true, weak: false });
  });

  test('a check that fails on our side frees its place', async () => {
    const passwords = makePasswords({ hasher, workers: 1, queue: 0, cost: 4 });
    const broken = { toString: () => 'x' } as unknown as string;
    await expect(passwords.hash(broken)).rejects.toThrow('must be a string');
    expect(await passwords.hash('fine')).toMatch(/^\$2b\$04\$/);
  });
});

describe('what a check says', () => {
  const passwords = makePasswords({ hasher, cost: 5 });
  test('weak: quicker than ours, or of another kind', async () => {
    expect(await passwords.verify(await bcrypt.hash('p', 4), 'p')).toEqual({ ok: true, weak: true });
    expect(await passwords.verify(await bcrypt.hash('p', 5), 'p')).toEqual({ ok: true, weak: false });
    expect(await passwords.verify(await bcrypt.hash('p', 6), 'p')).toEqual({ ok: true, weak: false });
  });

  test('no hash, no way in', async () => {
    for (const stored of [undefined, null, '', '{}', 'p', '$2b$05$']) {
      expect(await passwords.verify(stored, 'p')).toMatchObject({ ok: false });
      expect(await passwords.verify(stored, '')).toMatchObject({ ok: false });
    }
  });
});

test('a refusal costs one full check, whatever was tried: its time tells nothing', async () => {
  const full = 8;
  const passwords = makePasswords({ hasher, cost: full });
  const hashing = vi.spyOn(bcrypt, 'hashSync');
  const comparing = vi.spyOn(bcrypt, 'compareSync');
  // Rounds of bcrypt: two to the power of the cost.
  const rounds = async (stored: string | null, password: string): Promise<number> => {
    hashing.mockClear();
    comparing.mockClear();
    expect(await passwords.verify(stored, password)).toMatchObject({ ok: false });
    const hashed = hashing.mock.calls.map(([, cost]) => 2 ** Number(cost));
    const compared = comparing.mock.calls.map(([, hash]) => 2 ** Number(hash.slice(4, 6)));
    return [...hashed, ...compared].reduce((sum, each) => sum + each, 0);
  };
  const known = await bcrypt.hash('right', full);
  const moved = await bcrypt.hash('right', 5);
  expect(await rounds(known, 'wrong')).toBe(2 ** full);
  expect(await rounds(moved, 'wrong')).toBe(2 ** full);
  expect(await rounds(null, 'wrong')).toBe(2 ** full);
  expect(await rounds('', '')).toBe(2 ** full);
  expect(await rounds('{"encrypted":"elsewhere"}', 'wrong')).toBe(2 ** full);
  // Too long for bcrypt, so never compared, and no quicker way to be refused.
  expect(await rounds(known, 'x'.repeat(80))).toBe(2 ** full);
  expect(await rounds(moved, 'x'.repeat(80))).toBe(2 ** full);
  vi.restoreAllMocks();
});

test.each([
  ['$2a$10$SXEz2HeT8PUIGQXo9yeUIem8KzNxgG0d7o/.eGj2rj8KbRgAuRVlq', 'bcrypt'],
  ['$2y$10$SXEz2HeT8PUIGQXo9yeUIem8KzNxgG0d7o/.eGj2rj8KbRgAuRVlq', 'bcrypt'],
  ['$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g', 'argon2'],
  ['$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk', 'argon2'],
  ['$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0k=$C0sHCg9ek77hsg==$ZGlmZmVyZW50aGFzaA==', 'fbscrypt'],
  ['$fbscrypt$v=1,n=40,r=8,p=1,ss=Bw==,sk=ou9t$C0sH$ZGlm', 'other'],
  ['$fbscrypt$v=2,n=14,r=8,p=1,ss=Bw==,sk=ou9t$C0sH$ZGlm', 'other'],
  ['$argon2id$v=19$m=9999999,t=3,p=2$aaaa$bbbb', 'other'],
  ['$2b$32$SXEz2HeT8PUIGQXo9yeUIem8KzNxgG0d7o/.eGj2rj8KbRgAuRVlq', 'other'],
  ['$2b$03$SXEz2HeT8PUIGQXo9yeUIem8KzNxgG0d7o/.eGj2rj8KbRgAuRVlq', 'other'],
  ['plaintext', 'other'],
  ['', 'other'],
])('%s is %s', async (stored, kind) => {
  expect(parsePasswordHash(stored).kind).toBe(kind);
  // Nobody gets in with the hash itself.
  expect(verifyPassword(stored, stored)).toBe(false);
});

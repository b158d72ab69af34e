import jwt from 'jsonwebtoken';
import { expect, test } from 'vitest';
import { newApiKeys } from '../../../src/foundation/crypto/api-keys.ts';
import {
  isMasterKey,
  makeMasterKeyCheck,
  newMasterKey,
  parseMasterKey,
} from '../../../src/foundation/crypto/master-key.ts';
import { isScramVerifierOf, newPassword, scramVerifier } from '../../../src/foundation/crypto/passwords.ts';

test('API keys are what the Supabase dashboard shows: claims, order, ten years, HS256', () => {
  const now = Date.UTC(2026, 10, 1);
  const keys = newApiKeys(now);
  expect(keys.ref).toMatch(/^[a-z]{20}$/);
  expect(Buffer.from(keys.jwtSecret, 'base64')).toHaveLength(48);
  for (const [key, role] of [
    [keys.anonKey, 'anon'],
    [keys.serviceRoleKey, 'service_role'],
  ] as const) {
    const claims = jwt.verify(key, keys.jwtSecret, { algorithms: ['HS256'], clockTimestamp: now / 1000 });
    expect(JSON.stringify(claims)).toBe(
      `{"iss":"supabase","ref":"${keys.ref}","role":"${role}","iat":${now / 1000},"exp":${now / 1000 + 315_360_000}}`,
    );
    expect(Buffer.from(key.split('.')[0] ?? '', 'base64url').toString()).toBe('{"alg":"HS256","typ":"JWT"}');
  }
  expect(newApiKeys(now).jwtSecret).not.toBe(keys.jwtSecret);
});

test('a master key is read from hexadecimal digits or base64, and from nothing else', () => {
  const key = newMasterKey();
  expect(key).toHaveLength(32);
  expect(parseMasterKey(`${key.toString('hex')}\n`)).toEqual(key);
  expect(parseMasterKey(key.toString('hex').toUpperCase())).toEqual(key);
  expect(parseMasterKey(key.toString('base64'))).toEqual(key);
  expect(parseMasterKey(key.toString('base64url'))).toEqual(key);
  for (const text of ['', 'password', key.toString('hex').slice(1), `${key.toString('hex')}00`, 'g'.repeat(64)]) {
    expect(parseMasterKey(text)).toBeUndefined();
  }
});

test('the check value knows its key, no other, and does not hold it', async () => {
  const key = newMasterKey();
  const check = await makeMasterKeyCheck(key);
  expect(check.iterations).toBe(100_000);
  expect(await isMasterKey(key, check)).toBe(true);
  const other = Buffer.from(key);
  other[31] = (other[31] ?? 0) ^ 1;
  expect(await isMasterKey(other, check)).toBe(false);
  expect(JSON.stringify(check)).not.toContain(key.toString('hex'));
  expect((await makeMasterKeyCheck(key)).value).not.toBe(check.value);
});

/** Client and server of RFC 7677, section 3: user `user`, password `pencil`. */
test('the SCRAM verifier gives the keys of the RFC', async () => {
  const verifier = await scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), 4096);
  expect(verifier).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
  expect(await isScramVerifierOf(verifier, 'pencil')).toBe(true);
  expect(await isScramVerifierOf(verifier, 'Pencil')).toBe(false);
  expect(await isScramVerifierOf('md5aaaa', 'pencil')).toBe(false);
});

test('passwords need no quoting in a URL, and differ', () => {
  const passwords = new Set(Array.from({ length: 200 }, newPassword));
  expect(passwords.size).toBe(200);
  for (const password of passwords) expect(encodeURIComponent(password)).toBe(password);
});

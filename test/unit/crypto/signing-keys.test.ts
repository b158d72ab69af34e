import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { newApiKeys, newOpaqueKey, opaqueKindOf } from '../../../src/foundation/crypto/api-keys.ts';
import { formatKeySet, parseForeignKeys, parseKeySet } from '../../../src/foundation/crypto/key-set.ts';
import {
  legacySecretOf,
  legacySigningKey,
  newSigningKey,
  publicKeySet,
  SIGNING_ALGORITHMS,
  type SigningKey,
} from '../../../src/foundation/crypto/signing-keys.ts';
import { makeTokenSigner } from '../../../src/foundation/crypto/token-signer.ts';
import { makeTokenVerifier } from '../../../src/foundation/crypto/tokens.ts';

const NOW = Date.UTC(2026, 10, 1);
const later = (days: number) => NOW + days * 86_400_000;
const CLAIMS = { role: 'authenticated', sub: 'u1' };
const SECRET = 'a secret of more than thirty-two characters';
const verifier = (...keys: SigningKey[]) => makeTokenVerifier(keys);

describe.each(SIGNING_ALGORITHMS)('%s', (alg) => {
  test('what it signs it verifies, by kid', async () => {
    const key = await newSigningKey(alg, 'active', NOW);
    const token = await makeTokenSigner([key])(CLAIMS);
    expect(decodeProtectedHeader(token)).toEqual({ alg, typ: 'JWT', kid: key.kid });
    expect(await verifier(key)(token, NOW)).toEqual(CLAIMS);
  });

  test('the public set is enough for others, and holds no private member', async () => {
    const key = await newSigningKey(alg, 'active', NOW);
    const shown = publicKeySet([key], NOW);
    const token = await makeTokenSigner([key])(CLAIMS);
    const seen = await jwtVerify(token, createLocalJWKSet(shown)).then(
      ({ payload }) => payload,
      () => 'unknown',
    );
    expect(seen).toEqual(alg === 'HS256' ? 'unknown' : CLAIMS);
    expect(shown.keys).toHaveLength(alg === 'HS256' ? 0 : 1);
    const members = new Set(shown.keys.flatMap((each) => Object.keys(each)));
    expect(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].filter((name) => members.has(name))).toEqual([]);
  });

  test('survives its file', async () => {
    const keys = [await newSigningKey(alg, 'active', NOW), legacySigningKey(SECRET, 'previous', NOW)];
    const opaqueKeys = [newOpaqueKey('secret', 'abc', 'default', NOW)];
    const set = { signingKeys: keys, opaqueKeys, legacyApiKeys: 'accepted' as const };
    expect(parseKeySet(formatKeySet(set))).toEqual(set);
  });
});

test('the shared secret of a project signs without kid, and its text comes back', async () => {
  const key = legacySigningKey(SECRET, 'active', NOW);
  const token = await makeTokenSigner([key])(CLAIMS);
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
  expect(await verifier(key)(token, NOW)).toEqual(CLAIMS);
  expect(legacySecretOf(key)).toBe(SECRET);
  expect(publicKeySet([key], NOW).keys).toEqual([]);
});

test('two shared secrets at once: both verify', async () => {
  const [old, fresh] = [legacySigningKey(SECRET, 'previous', NOW), legacySigningKey(`${SECRET}2`, 'active', NOW)];
  const verify = verifier(fresh, old);
  expect(await verify(await makeTokenSigner([{ ...old, status: 'active' }])(CLAIMS), NOW)).toEqual(CLAIMS);
  expect(await verify(await makeTokenSigner([fresh])(CLAIMS), NOW)).toEqual(CLAIMS);
});

test('a standby key is published and verifies nothing; a retired one verifies until its time, cached tokens too', async () => {
  const key = await newSigningKey('ES256', 'active', NOW);
  const token = await makeTokenSigner([key])(CLAIMS);
  const standby: SigningKey = { ...key, status: 'standby' };
  await expect(verifier(standby)(token, NOW)).rejects.toThrow('algorithm');
  expect(publicKeySet([standby], NOW).keys).toHaveLength(1);

  const retired: SigningKey = { ...key, status: 'previous', notAfter: new Date(later(7)).toISOString() };
  const verify = verifier(retired, await newSigningKey('ES256', 'active', NOW));
  expect(await verify(token, later(6.9))).toEqual(CLAIMS);
  await expect(verify(token, later(7))).rejects.toThrow('No suitable key');
  expect(publicKeySet([retired], later(6.9)).keys).toHaveLength(1);
  expect(publicKeySet([retired], later(7)).keys).toEqual([]);
});

test('a set of others: private members and odd keys are dropped, what is left only verifies', async () => {
  const key = await newSigningKey('ES256', 'active', NOW);
  const life = { createdAt: new Date(NOW).toISOString(), notAfter: new Date(later(1)).toISOString() };
  const text = JSON.stringify({ keys: [key.privateJwk, { kty: 'EC', crv: 'P-384' }, { kty: 'odd' }, 7, null] });
  const foreign = parseForeignKeys(text, life) ?? [];
  expect(foreign).toMatchObject([{ kid: key.kid, alg: 'ES256', status: 'verify-only', ...life }]);
  expect(JSON.stringify(foreign)).not.toContain(key.privateJwk?.d);
  expect(() => makeTokenSigner(foreign)).toThrow('no signing key is active');
  const token = await makeTokenSigner([key])(CLAIMS);
  expect(await verifier(...foreign)(token, NOW)).toEqual(CLAIMS);
  await expect(verifier(...foreign)(token, later(1))).rejects.toThrow('algorithm');
  for (const bad of ['', 'null', '[]', '{"keys":7}', '{']) expect(parseForeignKeys(bad, life)).toBeUndefined();
});

test('opaque keys have the hosted form: 22 characters, a checksum of 8', () => {
  const { ref } = newApiKeys(NOW);
  for (const kind of ['publishable', 'secret'] as const) {
    const { key } = newOpaqueKey(kind, ref, 'default', NOW);
    expect(key).toMatch(new RegExp(`^sb_${kind}_[\\w-]{22}_[\\w-]{8}$`));
    expect(opaqueKindOf(key)).toBe(kind);
    expect(newOpaqueKey(kind, ref, 'default', NOW).key).not.toBe(key);
  }
  expect(opaqueKindOf('sb_temp_aaaaaaaaaaaaaaaaaaaaaa_aaaaaaaa')).toBeUndefined();
});

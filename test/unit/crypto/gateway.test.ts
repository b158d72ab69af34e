import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newApiKeys, newOpaqueKey } from '../../../src/foundation/crypto/api-keys.ts';
import { makeGateway, type Admission } from '../../../src/foundation/crypto/gateway.ts';
import { legacySigningKey } from '../../../src/foundation/crypto/signing-keys.ts';
import { makeTokenSigner } from '../../../src/foundation/crypto/token-signer.ts';
import { makeTokenVerifier } from '../../../src/foundation/crypto/tokens.ts';

const NOW = Date.UTC(2026, 10, 1);
const api = newApiKeys(NOW);
const legacy = legacySigningKey(api.jwtSecret, 'previous', NOW);
const publishable = newOpaqueKey('publishable', api.ref, 'web', NOW).key;
const secret = newOpaqueKey('secret', api.ref, 'server', NOW).key;
const rotated = newOpaqueKey('secret', api.ref, 'old', NOW).key;
const gateway = makeGateway({
  keys: [
    { key: publishable, role: 'anon' },
    { key: secret, role: 'service_role' },
    { key: rotated, role: 'service_role', notAfter: new Date(NOW + 1000).toISOString() },
  ],
  verifyLegacy: makeTokenVerifier([legacy]),
});
const sign = makeTokenSigner([{ ...legacy, status: 'active' }]);
const knock = (apikey?: string, bearer?: string, now = NOW) =>
  gateway({ apikey, authorization: bearer === undefined ? undefined : `Bearer ${bearer}`, now });
const user = await sign({ role: 'authenticated', sub: 'u1', iss: 'https://a.example/auth/v1' });

const roleOf = (admission: Admission) => (admission.as === 'role' ? admission.role : admission.as);

describe('the rules', () => {
  test('legacy keys come in as the token that they are', async () => {
    for (const [key, role] of [
      [api.anonKey, 'anon'],
      [api.serviceRoleKey, 'service_role'],
    ] as const) {
      for (const bearer of [undefined, key]) {
        expect(await knock(key, bearer)).toMatchObject({ as: 'token', token: key, role });
      }
    }
  });

  test('opaque keys stand for their role, alone or doubled', async () => {
    expect(roleOf(await knock(publishable))).toBe('anon');
    expect(roleOf(await knock(publishable, publishable))).toBe('anon');
    expect(roleOf(await knock(secret, secret))).toBe('service_role');
  });

  test('a user keeps the own token, whatever key comes along', async () => {
    for (const key of [publishable, secret, api.anonKey, api.serviceRoleKey]) {
      expect(await knock(key, user)).toMatchObject({ as: 'token', token: user });
    }
  });

  test.each([
    ['nothing', undefined, undefined, 'No API key found in request'],
    ['an empty key', '', undefined, 'No API key found in request'],
    ['a user without a key', undefined, user, 'No API key found in request'],
    ['a legacy key in Authorization alone', undefined, api.serviceRoleKey, 'No API key found in request'],
    ['an opaque key in Authorization alone', undefined, secret, 'Invalid API key'],
    ['another opaque key in Authorization', publishable, secret, 'Invalid API key'],
    ['an unknown opaque key', 'sb_secret_aaaaaaaaaaaaaaaaaaaaaa_aaaaaaaa', undefined, 'Invalid API key'],
    ['an unknown key, though a user asks', 'x', user, 'Invalid API key'],
    ['a user token as key', user, undefined, 'Invalid API key'],
    ['an unsigned key', `${api.anonKey.split('.').slice(0, 2).join('.')}.`, undefined, 'Invalid API key'],
  ])('%s is refused', async (_what, apikey, bearer, message) => {
    expect(await knock(apikey, bearer)).toMatchObject({ as: 'refused', message });
  });

  test('a token of the secret is a key only in the shape of one', async () => {
    for (const claims of [
      { iss: 'supabase', role: 'authenticated' },
      { iss: 'supabase', role: 'postgres' },
      { iss: 'supabase', role: 'service_role', sub: 'u1' },
      { iss: 'https://a.example/auth/v1', role: 'service_role' },
      { iss: 'supabase', role: 'service_role', exp: NOW / 1000 - 60 },
      { role: 'service_role' },
    ]) {
      expect(await knock(await sign(claims))).toMatchObject({ as: 'refused' });
    }
    const hosted = await sign({ iss: 'supabase', ref: 'other', role: 'anon', exp: NOW / 1000 + 60 });
    expect(await knock(hosted)).toMatchObject({ as: 'token', role: 'anon' });
  });

  test('a rotated key counts until its time', async () => {
    expect(roleOf(await knock(rotated, undefined, NOW + 999))).toBe('service_role');
    expect(await knock(rotated, undefined, NOW + 1000)).toMatchObject({ as: 'refused' });
  });
});

test('without configured keys there is the token alone, as in PostgREST', async () => {
  const open = makeGateway({ keys: undefined, verifyLegacy: undefined });
  expect(await open({ apikey: 'x', authorization: undefined, now: NOW })).toMatchObject({ as: 'anonymous' });
  expect(await open({ apikey: undefined, authorization: 'bearer  t ', now: NOW })).toMatchObject({ token: 't' });
  expect(await open({ apikey: undefined, authorization: 'Basic eDp5', now: NOW })).toMatchObject({ as: 'anonymous' });
});

test('no text comes in as a role or with a key that nobody gave out', async () => {
  const pieces = fc.constantFrom('sb_secret_', 'sb_publishable_', secret, publishable, api.anonKey, '.', ' ', 'eyJ');
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 3 }).map((parts) => parts.join('')),
  );
  const known = new Set([secret, publishable, api.anonKey]);
  await fc.assert(
    fc.asyncProperty(text, fc.option(text, { nil: undefined }), async (apikey, authorization) => {
      fc.pre(!known.has(apikey));
      const admission = await gateway({ apikey, authorization, now: NOW });
      expect(admission.as).toBe('refused');
    }),
  );
});

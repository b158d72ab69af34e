import { createPrivateKey, createHmac, createSign, sign as signBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { newApiKeys, newOpaqueKey } from '../../src/foundation/crypto/api-keys.ts';
import { formatKeySet } from '../../src/foundation/crypto/key-set.ts';
import { legacySigningKey, newSigningKey, publicKeySet } from '../../src/foundation/crypto/signing-keys.ts';
import { forgeries, misfits, type Attack, type SignAny } from '../fixtures/jwt-attacks.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

const api = newApiKeys(Date.now());
const now = Math.floor(Date.now() / 1000);
const publishable = newOpaqueKey('publishable', api.ref, 'web', Date.now()).key;
const signingKeys = [
  await newSigningKey('ES256', 'active', Date.now()),
  legacySigningKey(api.jwtSecret, 'previous', Date.now()),
  await newSigningKey('RS256', 'previous', Date.now()),
  await newSigningKey('EdDSA', 'previous', Date.now()),
];
const directory = mkdtempSync(path.join(tmpdir(), 'vt-keys-'));

/** Signs what no library would: any header, any claims. */
const sign: SignAny = (header, claims, alg) => {
  const key = signingKeys.find((each) => each.alg === alg);
  const kid = key?.legacy ? {} : { kid: key?.kid };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg, typ: 'JWT', ...kid, ...header })}.${part(claims)}`;
  if (alg === 'HS256') return `${body}.${createHmac('sha256', api.jwtSecret).update(body).digest('base64url')}`;
  const privateKey = createPrivateKey({ key: key?.privateJwk as never, format: 'jwk' });
  const signature =
    alg === 'EdDSA'
      ? signBytes(null, Buffer.from(body), privateKey)
      : createSign('sha256').update(body).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${body}.${signature.toString('base64url')}`;
};

let server: RestServer;
beforeAll(async () => {
  const keysFile = path.join(directory, 'keys.json');
  const opaqueKeys = [
    { name: 'web', kind: 'publishable' as const, key: publishable, createdAt: new Date().toISOString() },
  ];
  writeFileSync(keysFile, formatKeySet({ signingKeys, opaqueKeys, legacyApiKeys: 'accepted' }), { mode: 0o600 });
  server = await startRestServer(assetPath('test', 'fixtures', 'rest.sql'), {
    rest: { schemas: ['public'] },
    apiKeys: undefined,
    keysFile,
    jwt: { audience: 'authenticated', issuers: ['supabase', 'https://here.example/auth/v1'], requireExpiry: true },
  });
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true });
});

const user = {
  role: 'authenticated',
  sub: 'u1',
  exp: now + 600,
  aud: 'authenticated',
  iss: 'https://here.example/auth/v1',
};
const own = Object.fromEntries(signingKeys.map(({ alg }) => [alg, sign({}, user, alg)]));

interface Outcome extends Attack {
  readonly as: 'bearer' | 'apikey' | 'session';
  readonly status: number;
}

/** Each token as a user's, as a key, and as a session's at the auth service. */
async function attempt(attacks: readonly Attack[]): Promise<Outcome[]> {
  const tries = attacks.flatMap((attack) => [
    { ...attack, as: 'bearer' as const, target: '/rest/v1/rpc/who', headers: withKey(attack.token) },
    { ...attack, as: 'apikey' as const, target: '/rest/v1/rpc/who', headers: { apikey: attack.token } },
    { ...attack, as: 'session' as const, target: '/auth/v1/user', headers: withKey(attack.token) },
  ]);
  const outcomes: Outcome[] = [];
  for (let at = 0; at < tries.length; at += 20) {
    const some = tries.slice(at, at + 20).map(async ({ headers, target, ...each }) => {
      const response = await fetch(server.daemon.url + target, { headers });
      await response.arrayBuffer();
      return { ...each, status: response.status };
    });
    outcomes.push(...(await Promise.all(some)));
  }
  return outcomes;
}

const withKey = (token: string) => ({ apikey: publishable, authorization: `Bearer ${token}` });

const notRefused = (outcomes: readonly Outcome[], allowed: readonly number[]) =>
  outcomes
    .filter(({ status }) => !allowed.includes(status))
    .map(({ name, as, status }) => `${name} as ${as}: ${status}`);

test('the honest are let in, by every key', async () => {
  for (const token of Object.values(own)) {
    const answer = await server.ask('/rpc/who', { headers: { apikey: publishable, authorization: `Bearer ${token}` } });
    expect([answer.status, answer.json]).toEqual([200, 'authenticated']);
  }
  for (const key of [publishable, api.anonKey, api.serviceRoleKey]) {
    expect((await server.ask('/rpc/who', { headers: { apikey: key } })).status).toBe(200);
  }
});

describe('attacks', () => {
  test('tokens that nobody signed who may: more than 1,800 tries, none let in', async () => {
    const published = publicKeySet(signingKeys, Date.now()).keys;
    expect(published).toHaveLength(3);
    const outcomes = await attempt(forgeries({ api, publishable, own, published, now }));
    // The auth service says 403 bad_jwt.
    const [rest, auth] = [false, true].map((isAuth) => outcomes.filter(({ as }) => (as === 'session') === isAuth));
    expect(notRefused(rest ?? outcomes, [401])).toEqual([]);
    expect(notRefused(auth ?? outcomes, [401, 403])).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(1_800);
  });

  test('tokens that the right key signed, and that are no good: more than 650 tries, none let in', async () => {
    const outcomes = await attempt(misfits(sign, now, api.jwtSecret));
    // 403: the role is there, and not to be had. 400: a text that no role can have.
    expect(notRefused(outcomes, [400, 401, 403])).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(650);
  });
});

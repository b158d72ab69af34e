import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { legacyKeys } from '../../src/foundation/crypto/api-keys.ts';
import { newSigningKey, type SigningKey } from '../../src/foundation/crypto/signing-keys.ts';
import { makeTokenSigner } from '../../src/foundation/crypto/token-signer.ts';
import type { InstallationKeys } from '../../src/foundation/postgres/installation.ts';
import type { ReadyEvent } from '../../src/operator/provision/up.ts';
import { noProcessOf, runCommand, up, type Command } from '../support/up.ts';

const root = mkdtempSync(path.join(tmpdir(), 'vt-keys-'));
const dir = path.join(root, 'shop');
let running: Command;
let ready: ReadyEvent;

beforeAll(async () => {
  running = up(dir);
  ready = await running.ready();
});
afterAll(async () => {
  await running?.stop();
  rmSync(root, { recursive: true, force: true });
  await noProcessOf(root);
});

const keys = async (...args: string[]) => runCommand(['keys', ...args, '--dir', dir, '--json']);
const result = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { stdout, stderr, exitCode } = await keys(...args);
  if (exitCode !== 0) throw new Error(`${stdout}${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
};
const stored = (): InstallationKeys =>
  JSON.parse(readFileSync(path.join(dir, 'keys.json'), 'utf8')) as InstallationKeys;
/** What the API says to a key and perhaps a user's token. */
const knock = async (apikey: string, token?: string): Promise<number> => {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (await fetch(`${ready.apiUrl}/rest/v1/`, { headers: { apikey, ...authorization } })).status;
};
const becomes = async (status: number, apikey: string, token?: string) => {
  await expect.poll(() => knock(apikey, token), { timeout: 10_000, interval: 100 }).toBe(status);
};
const userToken = async (key: SigningKey | undefined) => {
  if (!key) throw new Error('no such key');
  return makeTokenSigner([{ ...key, status: 'active' }])({
    role: 'authenticated',
    sub: 'u1',
    exp: Math.floor(Date.now() / 1000) + 600,
  });
};
const file = (name: string, text: string): string => {
  const at = path.join(root, name);
  writeFileSync(at, text, { mode: 0o600 });
  return at;
};

test('up tells all four API keys, and the unchanged client works with each', async () => {
  for (const key of [ready.anonKey, ready.serviceRoleKey, ready.publishableKey ?? '', ready.secretKey ?? '']) {
    const client = createClient(ready.apiUrl, key, { realtime: { transport: Object as never } });
    const { status, error } = await client.from('nothing_here').select();
    expect([status, error?.code]).toEqual([404, 'PGRST205']);
  }
});

test('API keys rotate while the daemon runs: new ones count, old ones until they are revoked', async () => {
  const { made, ending } = await result('rotate', 'api', '--overlap', '1h');
  expect([made, ending]).toMatchObject([{ length: 2 }, { length: 2 }]);
  const old = ready.secretKey ?? '';
  const fresh =
    stored().opaqueKeys.find(({ kind, notAfter }) => kind === 'secret' && notAfter === undefined)?.key ?? '';
  expect(fresh).not.toBe(old);
  await becomes(200, fresh);
  expect(await knock(old)).toBe(200);
  await result('revoke', old.slice(0, 15), '--confirm', old.slice(0, 15));
  await becomes(401, old);
  expect(await knock(fresh)).toBe(200);
});

test('signing keys rotate: the old one is accepted until it ends, the one that stands by is not', async () => {
  const before = stored().signingKeys;
  const [active, standby] = ['active', 'standby'].map((status) => before.find((key) => key.status === status));
  const [oldToken, newToken] = [await userToken(active), await userToken(standby)];
  const key = ready.anonKey;
  expect([await knock(key, oldToken), await knock(key, newToken)]).toEqual([200, 401]);
  await result('rotate', 'signing');
  await becomes(200, key, newToken);
  expect(await knock(key, oldToken)).toBe(200);
  expect((await keys('rotate', 'signing', '--now')).exitCode).toBe(2);
  await result('rotate', 'signing', '--now', '--confirm', 'signing');
  await becomes(401, key, newToken);
  const kid = active?.kid ?? '';
  await result('revoke', kid.slice(0, 8), '--confirm', kid);
  await becomes(401, key, oldToken);
  expect(await knock(key, await userToken(stored().signingKeys.find(({ status }) => status === 'active')))).toBe(200);
});

test('a hosted project moves in: its keys and its tokens go on', async () => {
  const secret = 'the legacy secret of the hosted project, long enough';
  const hosted = legacyKeys(secret, 'abcdefghijklmnopqrst', Date.now());
  const foreign = await newSigningKey('ES256', 'active', Date.now());
  const opaque = ['publishable', 'secret'].map((kind) => `sb_${kind}_hostedhostedhostedhost_abcdefgh`);
  const [oldToken] = [await userToken(foreign)];
  for (const key of [hosted.anonKey, ...opaque]) expect(await knock(key)).toBe(401);
  const imported = await result(
    'import',
    '--jwt-secret-file', file('secret.txt', `${secret}\n`),
    '--jwks', file('jwks.json', JSON.stringify({ keys: [foreign.publicJwk] })),
    '--api-keys-file', file('keys.txt', opaque.join('\n')),
  ); // prettier-ignore
  expect(imported).toMatchObject({ secret: 'imported', verifyOnly: [{ kid: foreign.kid }], apiKeys: { length: 2 } });
  for (const key of [hosted.anonKey, hosted.serviceRoleKey, ...opaque]) await becomes(200, key);
  expect(await knock(opaque[0] ?? '', oldToken)).toBe(200);
  expect(await knock(ready.anonKey)).toBe(200);
});

test('legacy keys can be refused, and let in again', async () => {
  await result('revoke', 'legacy', '--confirm', 'legacy');
  await becomes(401, ready.anonKey);
  const { publishableKey } = ready;
  const publishable = stored().opaqueKeys.find(({ kind }) => kind === 'publishable')?.key ?? publishableKey ?? '';
  expect(await knock(publishable)).toBe(200);
  expect(await knock(publishable, ready.serviceRoleKey)).toBe(401);
  await result('revoke', 'legacy', '--undo');
  await becomes(200, ready.anonKey);
});

test('shows no secret unless asked, and not into a pipe without --json', async () => {
  const plain = await runCommand(['keys', 'show', '--dir', dir]);
  const { opaqueKeys, jwtSecret, serviceRoleKey } = stored();
  const secrets = [jwtSecret, serviceRoleKey, ...opaqueKeys.map(({ key }) => key)];
  for (const secret of secrets) expect(plain.stdout + plain.stderr).not.toContain(secret);
  expect(await runCommand(['keys', 'show', '--dir', dir, '--reveal-secret'])).toMatchObject({
    exitCode: 2,
    stdout: '',
  });
  expect(JSON.stringify(await result('show', '--reveal-secret'))).toContain(jwtSecret);
});

test('the keys of an older release are completed at the next start; what clients hold goes on', async () => {
  await running.stop();
  const { signingKeys: _signing, opaqueKeys: _opaque, legacyApiKeys: _legacy, ...old } = stored();
  const { supabase_auth_admin: _auth, ...passwords } = old.passwords;
  writeFileSync(path.join(dir, 'keys.json'), JSON.stringify({ ...old, passwords }));
  running = up(dir);
  const again = await running.ready();
  expect([again.anonKey, again.serviceRoleKey]).toEqual([ready.anonKey, ready.serviceRoleKey]);
  ready = again;
  expect(stored()).toMatchObject({ ...old, passwords });
  expect(stored().passwords.supabase_auth_admin).toMatch(/^[\w-]{32}$/);
  expect(stored().signingKeys.map(({ kid, status }) => [kid === 'jwt-secret', status])).toEqual([
    [true, 'active'],
    [false, 'standby'],
  ]);
  for (const key of [again.anonKey, again.publishableKey ?? '']) expect(await knock(key)).toBe(200);
});

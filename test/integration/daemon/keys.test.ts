import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { newOpaqueKey, type OpaqueKey } from '../../../src/foundation/crypto/api-keys.ts';
import { formatKeySet } from '../../../src/foundation/crypto/key-set.ts';
import { newSigningKey, type SigningKey } from '../../../src/foundation/crypto/signing-keys.ts';
import { makeTokenSigner } from '../../../src/foundation/crypto/token-signer.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { DAEMON, eventually, runProgram, type RunningDaemon } from '../../support/daemon.ts';

const NOW = Date.now();
const directory = mkdtempSync(path.join(tmpdir(), 'vt-keys-'));
const keysFile = path.join(directory, 'keys.json');
const configFile = path.join(directory, 'daemon.yml');
const [first, second] = [newOpaqueKey('publishable', 'r', 'a', NOW), newOpaqueKey('secret', 'r', 'b', NOW)];
const [active, standby] = [await newSigningKey('ES256', 'active', NOW), await newSigningKey('ES256', 'standby', NOW)];

let cluster: TestCluster;
let daemon: RunningDaemon;
let url = '';
let config: Record<string, unknown>;

beforeAll(async () => {
  cluster = await startTestCluster();
  const address = await cluster.createDatabase('shop');
  const admin = await Session.open(address, { applicationName: 'test' });
  await applyTemplates(admin, 'platform');
  await admin.close();
  writeKeys([first], [active, standby]);
  const { host, port, database } = address;
  const rest = { schemas: ['public'], workers: 2 };
  config = { api: { port: 0 }, database: { host, port, user: 'authenticator', database }, keysFile, rest };
  writeFileSync(configFile, stringify(config), { mode: 0o600 });
  daemon = runProgram(DAEMON, ['--config', configFile]);
  const ready = await eventually(() => daemon.stdout().includes('\n') && daemon.stdout(), daemon.exited);
  url = (JSON.parse(ready ?? daemon.stdout()) as { apiUrl: string }).apiUrl;
});
afterAll(async () => {
  daemon.process.kill('SIGTERM');
  await daemon.exited;
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

/** As `vectabase keys` does: in one piece, by renaming. */
function writeKeys(opaqueKeys: OpaqueKey[], signingKeys: SigningKey[]): void {
  writeFileSync(`${keysFile}.new`, formatKeySet({ opaqueKeys, signingKeys, legacyApiKeys: 'accepted' }), {
    mode: 0o600,
  });
  renameSync(`${keysFile}.new`, keysFile);
}

/** What each worker says: connections are handed out in turn, and every request here has its own. */
async function saidByAll(apikey: string, token?: string): Promise<number[]> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { apikey, connection: 'close', ...authorization };
  const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/rest/v1/`, { headers })));
  return [...new Set(answers.map(({ status }) => status))];
}
const becomes = async (status: number, apikey: string, token?: string): Promise<void> => {
  await expect.poll(() => saidByAll(apikey, token), { timeout: 10_000, interval: 100 }).toEqual([status]);
};

test('every worker takes new keys, and lets go of old ones', async () => {
  await becomes(200, first.key);
  expect(await saidByAll(second.key)).toEqual([401]);
  writeKeys([second], [active, standby]);
  await becomes(200, second.key);
  await becomes(401, first.key);
});

test('every worker signs and verifies with the key that follows', async () => {
  const claims = { role: 'authenticated', exp: Math.floor(NOW / 1000) + 600 };
  const tokens = await Promise.all(
    [active, standby].map((key) => makeTokenSigner([{ ...key, status: 'active' }])(claims)),
  );
  const [old = '', fresh = ''] = tokens;
  await becomes(200, second.key, old);
  await becomes(401, second.key, fresh);
  writeKeys(
    [second],
    [
      { ...standby, status: 'active' },
      { ...active, status: 'previous' },
    ],
  );
  await becomes(200, second.key, fresh);
  await becomes(200, second.key, old);
  const soon = new Date(Date.now() + 2_500).toISOString();
  writeKeys(
    [second],
    [
      { ...standby, status: 'active' },
      { ...active, status: 'previous', notAfter: soon },
    ],
  );
  // Nobody touches the file again: the key ends by its own time, for tokens that were verified before as well.
  await becomes(401, second.key, old);
  expect(await saidByAll(second.key, fresh)).toEqual([200]);
});

test('half a file changes nothing and is told', async () => {
  writeFileSync(keysFile, '{"signingKeys": [');
  await expect
    .poll(() => daemon.log().filter(({ level }) => level === 50).length, { timeout: 10_000 })
    .toBeGreaterThanOrEqual(2);
  expect(await saidByAll(second.key)).toEqual([200]);
  expect(daemon.stderr()).not.toContain(second.key);
  writeKeys([first, second], [standby, { ...active, status: 'active' }]);
  await becomes(200, first.key);
});

test('SIGHUP reaches every worker', async () => {
  const cors = async () => {
    const headers = { apikey: first.key, origin: 'https://a.example', connection: 'close' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/rest/v1/`, { headers })));
    return [...new Set(answers.map((answer) => answer.headers.get('access-control-allow-origin')))];
  };
  expect(await cors()).toEqual(['*']);
  writeFileSync(configFile, stringify({ ...config, api: { port: 0, cors: ['https://a.example'] } }));
  daemon.process.kill('SIGHUP');
  await expect.poll(cors, { timeout: 10_000, interval: 100 }).toEqual(['https://a.example']);
});

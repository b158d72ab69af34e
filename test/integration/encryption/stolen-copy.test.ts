/**
 * Whoever steals the disk: the data directory with its write-ahead log, the server's log at its most talkative, a dump
 * and the statistics views are searched for every plaintext and every key.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newApiKeys } from '../../../src/foundation/crypto/api-keys.ts';
import { openKeys, readStoredKeys } from '../../../src/foundation/encryption/key-store.ts';
import type { Session } from '../../../src/foundation/postgres/session.ts';
import { applyEncryption } from '../../../src/operator/encryption/apply.ts';
import { rotateDataKey } from '../../../src/operator/encryption/rotate.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { startDaemon, type RunningDaemon } from '../../support/daemon.ts';
import { encryptedDatabase, recorded, type EncryptedDatabase } from '../../support/encryption.ts';

/** In every plaintext, so that one search finds any of them, whole or in part. */
const CANARY = `canary${randomBytes(6).toString('hex')}`;
const VALUES = 1_000;
const valueOf = (at: number): string => `${CANARY}-${at}-${randomBytes(8).toString('hex')}`;
const POLICY = [
  { schema: 'public', table: 'accounts', column: 'api_key', blindIndex: true, readers: ['service_role'] },
  { schema: 'public', table: 'accounts', column: 'token', blindIndex: false, readers: ['service_role'] },
];
/** All that a server can be made to tell. */
const TALKATIVE = {
  shared_preload_libraries: 'pg_stat_statements,auto_explain',
  log_statement: 'all',
  log_min_duration_statement: '0',
  log_parameter_max_length: '-1',
  log_parameter_max_length_on_error: '-1',
  log_error_verbosity: 'verbose',
  log_min_messages: 'debug1',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_parameter_max_length': '-1',
  'pg_stat_statements.track': 'all',
  'pg_stat_statements.track_utility': 'on',
};

let cluster: TestCluster;
let database: EncryptedDatabase;
let daemon: RunningDaemon;
let directory: string;
const keys = newApiKeys(Date.now());

beforeAll(async () => {
  cluster = await startTestCluster({ settings: TALKATIVE });
  database = await encryptedDatabase(
    cluster,
    'stolen',
    `create table public.accounts (id uuid primary key default gen_random_uuid(), n int unique, api_key text unique, token text);
     create function public.renew(p_n int, p_key text) returns setof public.accounts language plpgsql as
       $$ begin return query update public.accounts a set api_key = p_key where a.n = p_n returning *; end $$;
     grant all on public.accounts to service_role, anon`,
  );
  await copyIn(database.admin, VALUES / 2);
  directory = await mkdtemp(path.join(tmpdir(), 'vt-stolen-'));
  writeFileSync(path.join(directory, 'key'), database.masterKey.toString('hex'), { mode: 0o600 });
});

afterAll(async () => {
  daemon?.process.kill('SIGTERM');
  await daemon?.exited;
  await database?.admin.close();
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('a copy of everything that is written down holds no plaintext and no key', async () => {
  const { admin, target, masterKey } = database;
  await admin.script('analyze; checkpoint');
  expect(searched(cluster.directory, [Buffer.from(CANARY)]).length).toBeGreaterThan(0); // the search finds what is there

  await applyEncryption({ target, policy: POLICY, masterKey }, recorded());
  const firstKeys = (await openKeys(await readStoredKeys(admin), masterKey)).all();
  const service = cluster.address('stolen', { user: 'authenticator' });
  const apiKeys = [
    { key: keys.anonKey, role: 'anon' },
    { key: keys.serviceRoleKey, role: 'service_role' },
  ];
  const more = { apiKeys, jwt: { secret: keys.jwtSecret }, masterKeyFile: path.join(directory, 'key') };
  daemon = await startDaemon({ database: service, more });
  await useByApi();
  await rotateDataKey(database, recorded());
  const allKeys = (await openKeys(await readStoredKeys(admin), masterKey)).all();
  expect(allKeys.length).toBe(firstKeys.length + 1);

  const secrets = [masterKey, ...allKeys.map(([, { key }]) => key)];
  const needles = [...spellings(Buffer.from(CANARY)), ...secrets.flatMap((key) => spellings(key))];
  const dump = await dumped(admin);
  expect(dump).toContain('vt1.');
  expect(needles.filter((needle) => Buffer.from(dump).includes(needle))).toEqual([]);
  await admin.close();
  daemon.process.kill('SIGTERM');
  await daemon.exited;
  expect(needles.filter((needle) => Buffer.from(daemon.stderr()).includes(needle))).toEqual([]);
  await cluster.kill('SIGINT'); // with its last checkpoint
  expect(readFileSync(cluster.logFile, 'utf8')).toContain('vectabase.keys'); // it did talk
  expect(searched(cluster.directory, needles)).toEqual([]);
});

/** Half of the values, by a road whose statements hold none. */
async function copyIn(admin: Session, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => `${n}\t${valueOf(n)}\t${valueOf(n)}\n`);
  await pipeline(Readable.from(rows), admin.copyIn('copy public.accounts (n, api_key, token) from stdin'));
}

/** The other half, and all kinds of requests that carry a value, some of which fail. */
async function useByApi(): Promise<void> {
  const ask = async (method: string, target: string, body?: unknown, apikey = keys.serviceRoleKey): Promise<number> => {
    const headers = { apikey, 'content-type': 'application/json', prefer: 'return=representation' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${daemon.url}/rest/v1/${target}`, { method, headers, ...sent });
    await response.text();
    return response.status;
  };
  const fresh = Array.from({ length: VALUES / 2 }, (_, at) => ({
    n: 10_000 + at,
    api_key: valueOf(at),
    token: valueOf(at),
  }));
  expect(await ask('POST', 'accounts', fresh)).toBe(201);
  const [first] = fresh;
  expect(await ask('GET', `accounts?api_key=eq.${first?.api_key}`)).toBe(200);
  expect(await ask('GET', `accounts?api_key=in.(${first?.api_key},x)`)).toBe(200);
  expect(await ask('PATCH', 'accounts?n=eq.10001', { token: valueOf(1) })).toBe(200);
  expect(await ask('POST', 'rpc/renew', { p_n: 10_002, p_key: valueOf(2) })).toBe(200);
  expect(await ask('POST', 'accounts', { n: 1, api_key: first?.api_key })).toBe(409);
  expect(await ask('POST', 'accounts', { n: 10_003, api_key: valueOf(3), token: 'x', nothing: 1 })).toBe(400);
  expect(await ask('POST', 'accounts', { n: 'no number', api_key: valueOf(4) })).toBe(400);
  expect(await ask('PATCH', 'accounts?n=eq.3', { api_key: valueOf(5) }, keys.anonKey)).toBe(200);
}

/** A dump of all that is ours and the owner's, and what the statistics views tell. */
async function dumped(admin: Session): Promise<string> {
  const tables = await admin.rows<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'vectabase')`,
  );
  let text = '';
  const views = ['pg_stat_activity', 'extensions.pg_stat_statements', 'pg_statistic'];
  const sources = tables.map(({ name }) => name).concat(views);
  for (const source of sources) {
    for await (const chunk of admin.copyOut(`copy (select * from ${source}) to stdout`)) text += String(chunk);
  }
  return text;
}

/** As it is, and as text would show it. Base64 shifts with what stands before, so its first and last letters do not count. */
function spellings(secret: Buffer): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64');
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  const hex = secret.toString('hex');
  return [secret, ...[hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text))];
}

/** Files below the directory that hold one of the needles. */
function searched(below: string, needles: readonly Buffer[]): string[] {
  const files = readdirSync(below, { recursive: true, encoding: 'utf8' }).map((name) => path.join(below, name));
  return files.filter((file) => {
    if (!statSync(file).isFile()) return false;
    const content = readFileSync(file);
    return needles.some((needle) => content.includes(needle));
  });
}

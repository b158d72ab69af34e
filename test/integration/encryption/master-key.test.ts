import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { installationPaths } from '../../../src/foundation/config/directory.ts';
import { masterKeyCheckFile, passesCheck, writeCheck } from '../../../src/foundation/encryption/master-key-check.ts';
import { newKeyFrom } from '../../../src/foundation/encryption/master-key.ts';
import { applyEncryption } from '../../../src/operator/encryption/apply.ts';
import { rotateMasterKey } from '../../../src/operator/encryption/rotate-master.ts';
import { verifyEncryption } from '../../../src/operator/encryption/verify.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { encryptedDatabase, one, recorded, type EncryptedDatabase } from '../../support/encryption.ts';

const POLICY = [{ schema: 'public', table: 'codes', column: 'code', blindIndex: true, readers: ['service_role'] }];

let cluster: TestCluster;
let database: EncryptedDatabase;
let dir: string;
let masterKey: Buffer;

beforeAll(async () => {
  cluster = await startTestCluster();
  database = await encryptedDatabase(
    cluster,
    'mastered',
    `create table public.codes (id int primary key, code text); insert into public.codes select i, 'code ' || i from generate_series(1, 50) i`,
  );
  masterKey = database.masterKey;
  await applyEncryption({ ...database, policy: POLICY }, recorded());
});

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'vt-master-'));
  mkdirSync(path.join(dir, 'postgres'));
  await writeCheck(await masterKeyCheckFile(dir), masterKey);
  writeFileSync(installationPaths(dir).masterKey, masterKey.toString('hex'));
});

afterAll(async () => {
  await database?.admin.close();
  await cluster?.stop();
});

const opens = async (key: Buffer): Promise<boolean> =>
  verifyEncryption({ ...database, masterKey: key }, recorded()).then(
    ({ bad, values }) => bad === 0 && values === 50,
    () => false,
  );
const starts = async (key: Buffer): Promise<boolean | undefined> => passesCheck(await masterKeyCheckFile(dir), key);
const fromFile = (key: Buffer) => ({ key, from: 'file', place: 'master.key' }) as const;

test('a new key takes the place of the old one, which opens nothing any more', async () => {
  const envelopes = `select md5(string_agg(code, ',' order by id)) from public.codes`;
  const before = await one(database.admin, envelopes);
  const next = newKeyFrom(undefined, fromFile(masterKey));
  await rotateMasterKey({ dir, target: database.target, old: fromFile(masterKey), next });
  expect(readFileSync(installationPaths(dir).masterKey, 'utf8').trim()).toBe(next.toString('hex'));
  expect([await opens(next), await opens(masterKey)]).toEqual([true, false]);
  expect([await starts(next), await starts(masterKey)]).toEqual([true, false]);
  expect(await one(database.admin, envelopes)).toBe(before);
  masterKey = next;
  rmSync(dir, { recursive: true });
});

test('a key from the environment is changed in two steps, between which both open', async () => {
  const next = randomBytes(32);
  const old = { key: masterKey, from: 'environment', place: 'VECTABASE_MASTER_KEY' } as const;
  expect((await rotateMasterKey({ dir, target: database.target, old, next })).pending).toBe(true);
  expect([await opens(next), await opens(masterKey), await starts(next), await starts(masterKey)]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  const done = await rotateMasterKey({ dir, target: database.target, old: { ...old, key: next }, next });
  expect(done.pending).toBe(false);
  expect([await opens(next), await opens(masterKey), await starts(masterKey)]).toEqual([true, false, false]);
  masterKey = next;
  rmSync(dir, { recursive: true });
});

test('a fresh key is made only where it can be kept', () => {
  const old = { key: masterKey, from: 'environment', place: 'VECTABASE_MASTER_KEY' } as const;
  expect(() => newKeyFrom(undefined, old)).toThrow(/known to you/);
  expect(() => newKeyFrom('short', old)).toThrow(/64 hexadecimal digits/);
  rmSync(dir, { recursive: true });
});

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { openKeys, readStoredKeys } from '../../../src/foundation/encryption/key-store.ts';
import { netstrings } from '../../../src/foundation/encryption/binding.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { differences } from '../../../src/operator/migrate/errors.ts';
import { verifyMigration } from '../../../src/operator/migrate/verify-again.ts';
import { applyEncryption } from '../../../src/operator/encryption/apply.ts';
import { one, recorded } from '../../support/encryption.ts';
import { migrate, quiet, startBench, WORDS, type Bench } from '../../support/migration.ts';

const NAME = { schema: 'public', table: 'customers', column: 'name' };
const POLICY = [{ ...NAME, blindIndex: true, readers: ['service_role'] }];

let bench: Bench;
let target: DatabaseAddress;
const masterKey = randomBytes(32);

beforeAll(async () => {
  bench = await startBench();
  const source = await bench.admin('source');
  await source.script(await readFile(assetPath('test/fixtures/small-project.sql'), 'utf8'));
  // An index that is no constraint: what stands in for it has no name of one.
  await source.script('create index customers_by_name on public.customers (name)');
  await source.close();
  target = await bench.freshTarget('moved');
  await migrate({ source: bench.sourceAddress, target });
  const admin = await bench.admin('target', 'moved');
  await applyTemplates(admin, 'encryption');
  await admin.close();
  await applyEncryption({ target, policy: POLICY, masterKey }, recorded());
});
afterAll(async () => bench?.stop());

const verify = async (key: Buffer | undefined) =>
  verifyMigration({ ends: { source: bench.sourceAddress, target }, jobs: 2, words: WORDS, masterKey: key }, quiet());

test('a move is proved again after its columns were encrypted, plaintext against plaintext', async () => {
  const admin = await bench.admin('target', 'moved');
  expect(await one(admin, `select bool_and(starts_with(name, 'vt1.')) from public.customers`)).toBe(true);
  await admin.close();
  const report = await verify(masterKey);
  expect(report.outcome).toBe('complete');
  expect(report.catalogue?.explained.map(({ key }) => key)).toContain(
    'constraint customers_name_key on public.customers',
  );
});

test('one encrypted value that says something else is named, though it opens', async () => {
  const admin = await bench.admin('target', 'moved');
  const id = String(await one(admin, 'select min(id)::text from public.customers'));
  const keys = await openKeys(await readStoredKeys(admin), masterKey);
  const other = keys.seal({ column: NAME, rowKey: netstrings([id]) }, Buffer.from('somebody else'), true);
  await admin.script('set session_replication_role = replica');
  await admin.rows('update public.customers set name = $1 where id = $2', [other, id]);
  await admin.close();
  const report = await verify(masterKey);
  expect(report.outcome).toBe('differences');
  expect(Object.values(differences(report).details as Record<string, string[]>).flat()).toEqual(['public.customers']);
});

test('needs the master key', async () => {
  await expect(verify(undefined)).rejects.toMatchObject({ code: 'MASTER_KEY_MISSING' });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFINITIONS } from '../../../src/foundation/config/definitions.ts';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import { buildStandinSource } from '../../../src/operator/demo/standin/build.ts';
import { FALLBACK_PASSPHRASE, SETTING_PASSPHRASE } from '../../../src/operator/demo/standin/secrets.ts';
import { applyEncryption } from '../../../src/operator/encryption/apply.ts';
import { openPgp } from '../../../src/operator/encryption/pgp.ts';
import { policyOf } from '../../../src/operator/encryption/plan.ts';
import { encryptionStatus } from '../../../src/operator/encryption/status.ts';
import { undoEncryption } from '../../../src/operator/encryption/undo.ts';
import { verifyEncryption } from '../../../src/operator/encryption/verify.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { encryptedDatabase, one, recorded, type EncryptedDatabase } from '../../support/encryption.ts';

let cluster: TestCluster;
let database: EncryptedDatabase;

beforeAll(async () => {
  cluster = await startTestCluster();
  database = await encryptedDatabase(cluster, 'market', '');
  await buildStandinSource(
    database.admin,
    { rows: 5_000 },
    { observe: () => undefined, signal: new AbortController().signal, clock: systemClock },
  );
  await applyTemplates(database.admin, 'encryption'); // a hosted project has nothing of ours
});

afterAll(async () => {
  await database?.admin.close();
  await cluster?.stop();
});

test("the shipped policy fits the platform's tables, with all that their Roblox keys were encrypted with before", async () => {
  const policy = policyOf(DEFINITIONS.encryption.columns.initial);
  const pgp = { passphrases: [FALLBACK_PASSPHRASE, SETTING_PASSPHRASE], keepUnopened: true };
  const result = await applyEncryption({ ...database, policy }, recorded(), {
    legacy: async (session, stored, column) => openPgp(session, stored, column, pgp),
  });
  expect(result.columns.filter(({ action }) => action !== 'done')).toEqual([]);
  const { columns } = await encryptionStatus(database.target);
  expect(columns).toHaveLength(policy.length);
  expect(columns.flatMap(({ values }) => Object.keys(values)).filter((key) => key === 'plain')).toEqual([]);
  const filled = columns.filter(({ values }) => Object.keys(values).length > 0);
  expect(filled.length).toBeGreaterThanOrEqual(11); // the stand-in has nothing in two of them
  expect((await verifyEncryption(database, recorded())).bad).toBe(0);

  await undoEncryption(database, ['public.bot_products.roblox_api_key_encrypted'], recorded());
  const kinds = `select string_agg(distinct substring(encode(roblox_api_key_encrypted, 'escape') from '^rbx-[a-z]+'), ',') from public.bot_products`;
  expect(await one(database.admin, kinds)).toBe('rbx-fallback,rbx-setting');
});

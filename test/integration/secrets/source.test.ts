import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSourceSecrets } from '../../../src/operator/secrets/import-source.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

/** What a hosted project shows: Vault's view decrypts for whoever may read it; the bot's settings lie in a table. */
const SOURCE = `
  create schema vault;
  create table vault.secrets (id uuid primary key default gen_random_uuid(), name text unique, secret text);
  create view vault.decrypted_secrets as select id, name, convert_from(decode(secret, 'base64'), 'UTF8') as decrypted_secret from vault.secrets;
  insert into vault.secrets (id, name, secret) values
    ('b1b1b1b1-0000-4000-8000-000000000001', 'stripe key (live)', encode('sk_live_x', 'base64')),
    ('b1b1b1b1-0000-4000-8000-000000000002', null, encode(convert_to(E'it''s\\n"nameless" é', 'UTF8'), 'base64')),
    ('b1b1b1b1-0000-4000-8000-000000000003', 'DISCORD_TOKEN', encode('from vault', 'base64'));
  create table public.bot_config (key text, value text, is_secret boolean);
  insert into public.bot_config values ('DISCORD_TOKEN', 'from table', true), ('ROBLOX_API_KEY', 'rbx', true), ('PREFIX', '!', false);
  create role reader login;
  grant select on public.bot_config to reader;
`;

let cluster: TestCluster;
let source: DatabaseAddress;

beforeAll(async () => {
  cluster = await startTestCluster();
  source = await cluster.createDatabase('source');
  const admin = await Session.open(source, { applicationName: 'fixture' });
  await admin.script(SOURCE);
  await admin.close();
});
afterAll(() => cluster.stop());

test("reads Vault and the bot's secret settings, and gives what has no name for a variable one", async () => {
  const { values, places, renamed } = await readSourceSecrets(source);
  expect(Object.fromEntries(values)).toEqual({
    DISCORD_TOKEN: 'from vault',
    STRIPE_KEY_LIVE: 'sk_live_x',
    VAULT_b1b1b1b1: `it's\n"nameless" é`,
    ROBLOX_API_KEY: 'rbx',
  });
  expect(places).toEqual([
    { place: 'vault.decrypted_secrets', found: 3 },
    { place: 'public.bot_config', found: 2 },
  ]);
  expect(Object.fromEntries(renamed)).toEqual({ 'stripe key (live)': 'STRIPE_KEY_LIVE' });
});

test('tells what the role may not read, and what is not there', async () => {
  const { values, places } = await readSourceSecrets(cluster.address('source', { user: 'reader' }));
  expect(places[0]).toEqual({ place: 'vault.decrypted_secrets', found: 'no right to read' });
  expect([...values.keys()]).toEqual(['DISCORD_TOKEN', 'ROBLOX_API_KEY']);
  const empty = await readSourceSecrets(cluster.adminAddress);
  expect(empty.places.map(({ found }) => found)).toEqual(['absent', 'absent']);
});

test('leaves no value in the log of the source', async () => {
  await readSourceSecrets(source);

  expect(await readFile(cluster.logFile, 'utf8')).not.toContain('sk_live_x');
});

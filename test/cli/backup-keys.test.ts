import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { readTrustedKeys } from '../../src/operator/backup/catalog/home.ts';
import { entriesOf } from '../../src/operator/backup/catalog/view.ts';
import { epochEntry, newEpoch } from '../../src/operator/backup/epochs.ts';
import { makeRecoveryKey, readRecipients, readRecoveryKey } from '../../src/operator/backup/recovery-key.ts';
import { readCatalogues } from '../../src/operator/backup/repository.ts';
import { BackupFixture, SYSTEM } from '../support/backup-fixture.ts';
import { runCli } from '../support/cli.ts';

const EPOCHS = 120;
const root = mkdtempSync(path.join(tmpdir(), 'vt-backup-keys-'));
const fixture = new BackupFixture(root);
const [dir, first, second] = [path.join(root, 'shop'), path.join(root, 'first.key'), path.join(root, 'second.key')];
const add = ['backup', 'keys', 'add', '--out', second, '--key', first];
const place = ['--dir', dir, '--from', path.join(root, 'store'), '--json', '--no-input'];

beforeAll(async () => {
  await makeRecoveryKey(fixture.home, first, Date.now());
  mkdirSync(dir);
  symlinkSync(fixture.home.directory, path.join(dir, 'backup'));
  const recipients = await readRecipients(fixture.home);
  for (let each = 0; each < EPOCHS; each++) {
    const epoch = await newEpoch(recipients, Date.now());
    await fixture.add({ ...epochEntry(epoch), id: `${epoch.id}-${each}` });
  }
});
afterAll(() => rmSync(root, { recursive: true }));

const documents = (): number => readdirSync(path.join(root, 'store', SYSTEM, 'catalog')).length;
const catalogued = async () => {
  const { store, home } = fixture;
  const repository = { store, home, staging: root, trustedKeys: await readTrustedKeys(home) };
  const [catalogue] = await readCatalogues(repository, new AbortController().signal);
  return catalogue?.documents ?? [];
};

test('keys add that is killed goes on where it was, and wraps no epoch twice', async () => {
  const before = documents();
  const child = spawn(process.execPath, [assetPath('bin', 'run.js'), ...add, ...place], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  // The recipients, and the first epochs.
  await expect.poll(documents, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(before + 2);
  child.kill('SIGKILL');
  await ended;
  const again = await runCli([...add, ...place]);
  expect(again).toMatchObject({ code: 0 });
  const [identity] = await readRecoveryKey(second);
  expect(JSON.parse(again.stdout)).toMatchObject({ recipient: identity?.recipient, unopened: [] });
  const entries = entriesOf(await catalogued(), 'rewrapped').flatMap(({ entry }) => entry.keys);
  expect(entries).toHaveLength(EPOCHS);
  expect(new Set(entries.map(({ epoch }) => epoch)).size).toBe(EPOCHS);
  expect(await readRecipients(fixture.home)).toHaveLength(2);
});

test('keys remove leaves the other one, and list tells what the removed one still opens', async () => {
  const [old] = await readRecoveryKey(first);
  const removed = await runCli(['backup', 'keys', 'remove', old?.recipient ?? '', ...place]);
  expect(removed).toMatchObject({ code: 0 });
  const listed = await runCli(['backup', 'keys', 'list', ...place]);
  expect(JSON.parse(listed.stdout)).toMatchObject({
    recovery: [{ locked: 0 }],
    removed: [{ recipient: old?.recipient, opens: EPOCHS }],
  });
  const last = await runCli(['backup', 'keys', 'remove', (await readRecipients(fixture.home))[0].text, ...place]);
  expect(last).toMatchObject({ code: 5 });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { backupJobs } from '../../../src/daemon/scheduler/backup-jobs.ts';
import { readTrustedKeys } from '../../../src/operator/backup/catalog/home.ts';
import { sealFile } from '../../../src/operator/backup/container.ts';
import { compareCounts, lostTables, nearestCounts } from '../../../src/operator/backup/dump/counts.ts';
import { newEpoch } from '../../../src/operator/backup/epochs.ts';
import { storeKey } from '../../../src/operator/backup/names.ts';
import { makeRecoveryKey, readRecipients, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import * as rehearsals from '../../../src/operator/backup/rehearse.ts';
import { BackupFixture, SYSTEM } from '../../support/backup-fixture.ts';

vi.mock(import('../../../src/operator/backup/rehearse.ts'), async (original) => ({
  ...(await original()),
  rehearse: vi.fn<typeof rehearsals.rehearse>(),
}));

const LABEL = '20260101T000000Z';
const AT = '2026-01-01T00:00:00.000Z';
const OBJECT = `dump/${LABEL}/counts.json`;
const { signal } = new AbortController();
let root: string;
let fixture: BackupFixture;

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'vt-counts-'));
  fixture = new BackupFixture(root);
  await makeRecoveryKey(fixture.home, path.join(root, 'key'), Date.now());
});
afterEach(() => rmSync(root, { recursive: true }));

/** As a machine seals them, or anybody who knows the public key. */
async function seal(content: Iterable<string>) {
  const epoch = await newEpoch(await readRecipients(fixture.home), Date.now());
  const file = path.join(root, `${epoch.id}.vbk`);
  const facts = { kind: 'dump' as const, object: OBJECT, systemId: SYSTEM, postgres: '17.10', createdAt: AT };
  const source = Readable.from(Array.from(content, (text) => Buffer.from(text)));
  return { epoch, file, sealed: await sealFile(file, source, { facts, epoch }, { signal }) };
}

async function catalogue({ epoch, sealed }: Awaited<ReturnType<typeof seal>>): Promise<void> {
  await fixture.add({ kind: 'epoch', id: epoch.id, keySha256: epoch.fingerprint });
  const facts = { label: LABEL, postgres: '17.10', startedAt: AT, finishedAt: AT, databases: ['shop'] };
  await fixture.add({ kind: 'dump', ...facts, epoch: epoch.id, objects: [sealed] });
  await fixture.store.remove(storeKey(SYSTEM, OBJECT));
}

async function read() {
  const { store, home } = fixture;
  const repository = { store, home, staging: root, trustedKeys: await readTrustedKeys(home) };
  const identities = await readRecoveryKey(path.join(root, 'key'));
  return nearestCounts(repository, { systemId: SYSTEM, identities, target: { kind: 'base' } }, signal);
}

test('the counts of a dump are those that were catalogued, and no stranger’s', async () => {
  const ours = await seal(['{"shop.public.sales":3}']);
  await catalogue(ours);
  await fixture.store.put(storeKey(SYSTEM, OBJECT), ours.file, { signal });
  expect(await read()).toMatchObject({ label: LABEL, counts: { 'shop.public.sales': 3 } });
  await fixture.store.remove(storeKey(SYSTEM, OBJECT));
  await fixture.store.put(storeKey(SYSTEM, OBJECT), (await seal(['{}'])).file, { signal });
  await expect(read()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
});

test('counts that unpack without end are given up', async () => {
  const bomb = await seal(Array.from({ length: 66 }, () => ' '.repeat(1024 * 1024)));
  await catalogue(bomb);
  await fixture.store.put(storeKey(SYSTEM, OBJECT), bomb.file, { signal });
  await expect(read()).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
    message: expect.stringContaining('more than') as string,
  });
});

test.each<[string, Record<string, number>, string | null, string[]]>([
  ['the same', { a: 2, b: 0 }, null, []],
  ['a table is gone', { b: 0 }, '2026-02-01T00:00:00Z', ['a']],
  ['rows are gone that nobody can have removed', { a: 0, b: 0 }, '2025-12-31T00:00:00Z', ['a']],
  ['rows are gone, and nobody knows when it was', { a: 0, b: 0 }, null, ['a']],
  ['rows are gone, perhaps removed since', { a: 0, b: 0 }, '2026-02-01T00:00:00Z', []],
])('a copy against a dump: %s', (_, counts, lastCommit, lost) => {
  const compared = compareCounts({ label: LABEL, at: AT, counts: { a: 2, b: 0 } }, { counts, lastCommit });
  expect(lostTables(compared)).toEqual(lost);
  expect(compared.emptied).toEqual(counts['a'] === 0 ? ['a'] : []);
});

test('a scheduled rehearsal that misses a table fails, so that it is told', async () => {
  const copy = { counts: {}, lastCommit: null };
  const compared = compareCounts({ label: LABEL, at: AT, counts: { 'shop.public.sales': 3 } }, copy);
  const report = { compared, counts: {}, evidence: null } as unknown as rehearsals.RehearsalReport;
  vi.mocked(rehearsals.rehearse).mockResolvedValue(report);
  const config = {
    api: { host: '127.0.0.1', port: 0, cors: [] },
    database: { host: '127.0.0.1', port: 1, user: 'x', database: 'x' },
    log: { level: 'info' as const },
    keysFile: '',
    archive: { socketDirectory: root, spool: root, repository: root, home: root, whenFull: 'drop-wal' as const },
    backup: { rehearsalKeyFile: path.join(root, 'key') },
    jobs: { backupLogin: { user: 'x' }, disks: [], scratch: root },
  };
  const job = backupJobs(config, { debug: () => undefined } as never).find(({ name }) => name === 'rehearsal');
  await expect(job?.run(signal)).rejects.toMatchObject({ code: 'RESTORE_UNPROVEN' });
});

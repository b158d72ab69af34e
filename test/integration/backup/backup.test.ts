import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { copyFile, cp, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock, type JobContext } from '../../../src/foundation/core/observe.ts';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import type { AgeIdentity } from '../../../src/foundation/crypto/age-keys.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { openWith } from '../../../src/operator/backup/epochs.ts';
import { decryptFile } from '../../../src/operator/backup/decrypt.ts';
import { listKeys, proveKey } from '../../../src/operator/backup/keys.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { makeRecoveryKey, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { rehearse } from '../../../src/operator/backup/rehearse.ts';
import {
  findEntry,
  listEntries,
  openRepository,
  type BackupEntry,
  type Repository,
} from '../../../src/operator/backup/repository.ts';
import { restoreBackup } from '../../../src/operator/backup/restore.ts';
import { showBackup } from '../../../src/operator/backup/show.ts';
import { verifyBackup } from '../../../src/operator/backup/verify.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

const SECRET = 'a row that nobody else should read';

describe('a backup', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-backup-'));
  const place = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') } };
  let repository: Repository;
  /** Postgres gets here as another user when root runs the tests. */
  const scratch = mkdtempSync(path.join(tmpdir(), 'vt-scratch-'));
  let cluster: TestCluster;
  let identities: AgeIdentity[];
  let entry: BackupEntry;
  /** Rows that were committed before the backup began. */
  let before = 0;

  beforeAll(async () => {
    chmodSync(scratch, 0o755);
    cluster = await startTestCluster({ settings: { full_page_writes: 'on' } });
    const session = await Session.open(cluster.adminAddress, { applicationName: 'backup test' });
    await session.script(`create table sales (id bigserial primary key, note text);
      insert into sales (note) select '${SECRET} ' || n from generate_series(1, 20000) n;
      create materialized view never_filled as select * from sales with no data`);
    await cluster.createDatabase('other');
    await makeRecoveryKey(place.home, path.join(home, 'recovery.key'), Date.now());
    repository = await openRepository(place);
    identities = await readRecoveryKey(path.join(home, 'recovery.key'));
    const writing = keepWriting(session);
    before = await writing.rows();
    entry = await createBackup({ address: cluster.adminAddress, repository }, quiet());
    await writing.stop();
    await session.close();
  });

  afterAll(async () => {
    await cluster.stop();
    rmSync(home, { recursive: true });
    rmSync(scratch, { recursive: true });
  });

  test('taken under writes restores to what was committed before it', async () => {
    const report = await rehearse({ repository, identities, scratch, label: entry.label, record: true }, quiet());
    const [other, postgres] = report.databases;
    expect(other).toMatchObject({ database: 'other', tables: 0 });
    expect(postgres?.tables).toBe(1);
    expect(postgres?.rows).toBeGreaterThanOrEqual(before);
    expect(await readdir(scratch)).toEqual([]);
  });

  test('holds nothing in clear', async () => {
    for (const { object } of entry.objects) {
      const bytes = await readFile(path.join(place.directory, entry.systemId, `${object}.vbk`));
      expect(bytes.includes(SECRET)).toBe(false);
      expect(bytes.includes('backup_label')).toBe(false);
    }
  });

  test('is whole by the manifest of the server', async () => {
    const report = await verifyBackup({ repository, entry, identities }, quiet());
    expect(report.files).toBeGreaterThan(900);
    const { verified } = await showBackup(repository, entry.label, new AbortController().signal);
    expect(verified).toMatchObject([{ level: 3, by: 'recovery', ok: true }]);
  });

  test('never restores over something', async () => {
    await expect(
      restoreBackup({ repository, entry, identities, into: home, owner: undefined }, quiet()),
    ).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    expect(await stat(path.join(home, 'recovery.key'))).toBeDefined();
  });

  test('does not open with another key', async () => {
    await makeRecoveryKey({ directory: path.join(home, 'elsewhere') }, path.join(home, 'other.key'), Date.now());
    const others = await readRecoveryKey(path.join(home, 'other.key'));
    await expect(verifyBackup({ repository, entry, identities: others }, quiet())).rejects.toMatchObject({
      code: 'SECRETS_KEY_WRONG',
    });
  });

  test('that was stopped is not listed, and leaves no half file', async () => {
    const stopping = new AbortController();
    const ctx: JobContext<BackupObservation> = {
      ...quiet(),
      signal: stopping.signal,
      observe: ({ event }) => event === 'backup.copy.started' && stopping.abort(new Error('stopped')),
    };
    await expect(createBackup({ address: cluster.adminAddress, repository }, ctx)).rejects.toThrow('stopped');
    expect(await listEntries(repository)).toEqual([entry]);
    const files = await readdir(place.directory, { recursive: true });
    expect(files.filter((name) => name.includes('.new-') || name.startsWith('.staging/'))).toEqual([]);
  });

  test('opens file by file with nothing but the key', async () => {
    const file = path.join(place.directory, entry.systemId, 'base', entry.label, 'manifest.vbk');
    const out = path.join(home, 'manifest.json');
    const { signal } = new AbortController();
    const opener = openWith(identities);
    const report = await decryptFile({ file, opener, sink: out }, signal);
    expect(report).toMatchObject({ object: `base/${entry.label}/manifest`, systemId: entry.systemId });
    expect(JSON.parse(await readFile(out, 'utf8'))).toHaveProperty('Files');
    await expect(decryptFile({ file, opener, sink: out }, signal)).rejects.toMatchObject({ code: 'USAGE' });
    const cut = path.join(home, 'cut.vbk');
    await copyFile(file, cut);
    await truncate(cut, (await stat(cut)).size - 1);
    const elsewhere = path.join(home, 'cut.json');
    await expect(decryptFile({ file: cut, opener, sink: elsewhere }, signal)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
    expect((await readdir(home)).filter((name) => name.startsWith('cut.json'))).toEqual([]);
  });

  test('is opened to prove that the owner has the key', async () => {
    const input = { repository, by: 'file', clock: systemClock, signal: new AbortController().signal } as const;
    expect(await proveKey({ ...input, identities })).toMatchObject({ opened: entry.label });
    const { recovery } = await listKeys(repository, input.signal);
    expect(recovery[0]?.provedAt).not.toBeNull();
    await makeRecoveryKey({ directory: path.join(home, 'other') }, path.join(home, 'strangers.key'), Date.now());
    const strangers = await readRecoveryKey(path.join(home, 'strangers.key'));
    await expect(proveKey({ ...input, identities: strangers })).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });
  });

  test('that a stranger made for the owner’s public key is nobody’s', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'vt-stranger-'));
    const stranger = { directory: path.join(directory, 'home') };
    try {
      await cp(place.directory, path.join(directory, 'store'), { recursive: true });
      await makeRecoveryKey(stranger, path.join(directory, 'x.key'), Date.now());
      await copyFile(path.join(place.home.directory, 'recipients'), path.join(stranger.directory, 'recipients'));
      const theirs = await openRepository({ directory: path.join(directory, 'store'), home: stranger });
      await expect(createBackup({ address: cluster.adminAddress, repository: theirs }, quiet())).rejects.toMatchObject({
        code: 'CATALOGUE_BROKEN',
        details: { reason: 'foreign' },
      });

      const ours = await openRepository({ ...place, directory: path.join(directory, 'store') });
      const [newest] = await listEntries(ours);
      expect(newest).toMatchObject({ signed: false });
      expect((await findEntry(ours, undefined)).label).toBe(entry.label);
      await expect(findEntry(ours, newest?.label)).rejects.toMatchObject({ code: 'BACKUP_UNSIGNED', exitCode: 6 });
      const put = path.join(directory, 'store', entry.systemId, 'base', newest?.label ?? '');
      await cp(put, path.join(directory, 'store', entry.systemId, 'base', entry.label), { recursive: true });
      await expect(verifyBackup({ repository: ours, entry, identities }, quiet())).rejects.toMatchObject({
        code: 'BACKUP_DAMAGED',
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  describe('that was tampered with', () => {
    const DAMAGES: Array<[string, (base: string, manifest: string) => Promise<void>]> = [
      ['a byte of its header', async (base) => change(base, 100)],
      ['a byte in its middle', async (base) => change(base, Math.floor((await stat(base)).size / 2))],
      ['its last byte', async (base) => change(base, (await stat(base)).size - 1)],
      ['its end', async (base) => truncate(base, (await stat(base)).size - 1)],
      ['all but its header', async (base) => truncate(base, 2_000)],
      ['its files exchanged', async (base, manifest) => copyFile(manifest, base)],
      ['nothing left', async (base) => writeFile(base, '')],
    ];

    test.each(DAMAGES)('(%s) is refused, and nothing of it is kept', async (_what, damage) => {
      const directory = mkdtempSync(path.join(tmpdir(), 'vt-damaged-'));
      const into = path.join(directory, 'data');
      try {
        await cp(place.directory, directory, { recursive: true });
        const copy = await openRepository({ ...place, directory });
        const file = (name: string): string => path.join(directory, entry.systemId, 'base', entry.label, name);
        await damage(file('base.tar.vbk'), file('manifest.vbk'));
        const input = { repository: copy, entry: await findEntry(copy, undefined), identities };
        await expect(
          restoreBackup({ ...input, into, owner: undefined, durable: false }, quiet()),
        ).rejects.toMatchObject({
          code: expect.stringMatching(/^(BACKUP_DAMAGED|SECRETS_FILE_INVALID)$/) as string,
        });
        await expect(stat(into)).rejects.toMatchObject({ code: 'ENOENT' });
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

    test('by files of another backup of the same cluster is refused', async () => {
      const second = await createBackup({ address: cluster.adminAddress, repository }, quiet());
      try {
        const at = (label: string): string => path.join(place.directory, entry.systemId, 'base', label, 'base.tar.vbk');
        await copyFile(at(entry.label), at(second.label));
        await expect(verifyBackup({ repository, entry: second, identities }, quiet())).rejects.toMatchObject({
          code: 'BACKUP_DAMAGED',
        });
      } finally {
        rmSync(path.join(place.directory, entry.systemId, 'base', second.label), { recursive: true });
      }
    });
  });
});

function quiet(): JobContext<BackupObservation> {
  return { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
}

async function change(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

/** Inserts ten rows at a time until it is stopped. */
function keepWriting(session: Session) {
  const state = { rows: 20_000, going: true };
  const written = (async () => {
    while (state.going) {
      await session.rows(`insert into sales (note) select 'later' from generate_series(1, 10)`);
      state.rows += 10;
    }
  })();
  return {
    rows: async () => {
      while (state.rows < 20_100) await sleep(5);
      return state.rows;
    },
    stop: async () => {
      state.going = false;
      await written;
    },
  };
}

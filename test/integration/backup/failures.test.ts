import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyToAll } from '../../../src/operator/backup/copy/all.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { createDump } from '../../../src/operator/backup/dump/create.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository, readCatalogues, type Repository } from '../../../src/operator/backup/repository.ts';
import { prune } from '../../../src/operator/backup/retention/run.ts';
import { backupStatus } from '../../../src/operator/backup/status.ts';
import { listening } from '../../support/archive.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

describe('a backup that failed', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-failed-'));
  const place = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') } };
  let cluster: TestCluster;
  let repository: Repository;

  beforeAll(async () => {
    cluster = await startTestCluster();
    await makeRecoveryKey(place.home, path.join(home, 'recovery.key'), Date.now());
    repository = await openRepository(place);
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(home, { recursive: true });
  });

  const create = async (ctx = listening<BackupObservation>()) =>
    createBackup({ address: cluster.adminAddress, repository }, ctx);
  const entries = async () => {
    const [catalogue] = await readCatalogues(repository, new AbortController().signal);
    return (catalogue?.documents ?? []).map(({ entry }) => entry);
  };
  const refusal = async () => {
    const rules = { windowDays: 7, dumpDays: 30 };
    return (await prune({ place, rules, dryRun: true }, listening())).map(({ refused }) => refused);
  };
  const problems = async () => {
    const input = { place, data: cluster.directory, now: Date.now(), signal: new AbortController().signal };
    return (await backupStatus(input)).problems.filter((each) => each.includes('failed'));
  };

  test('before there was one begins no catalogue', async () => {
    const staging = path.join(place.directory, '.staging');
    await mkdir(place.directory);
    await writeFile(staging, ''); // no directory: not even root can make one below it
    await expect(create()).rejects.toThrow(staging);
    await rm(staging);
    await expect(entries()).resolves.toEqual([]);
  });

  test('while it copied stands in the catalogue, and nothing is taken away until one worked', async () => {
    await create();
    expect(await refusal()).toEqual([undefined]);
    await expect(create(whileCopying(() => void cluster.kill('SIGQUIT')))).rejects.toThrow('terminated');
    await cluster.restart();
    expect((await entries()).at(-1)).toMatchObject({ kind: 'failed', job: 'base' });
    expect(await refusal()).toEqual(['last-backup-failed']);
    expect(await problems()).toEqual([expect.stringContaining('vectabase backup create')]);
    await create();
    expect(await refusal()).toEqual([undefined]);
    expect(await problems()).toEqual([]);
  });

  test('that its operator stopped is no failure', async () => {
    const before = await entries();
    const ctx = listening<BackupObservation>();
    const stopped = { ...ctx, observe: () => ctx.stop.abort(new Error('stopped')) };
    await expect(create(stopped)).rejects.toThrow('stopped');
    expect(await entries()).toEqual(before);
  });

  test('as the server was down is told once a day', async () => {
    const before = (await entries()).length;
    await cluster.kill('SIGINT');
    for (let run = 0; run < 2; run++) {
      await expect(createDump({ address: cluster.adminAddress, repository }, listening())).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
      });
    }
    await cluster.restart();
    expect((await entries()).slice(before)).toEqual([{ kind: 'failed', job: 'dump', code: 'DATABASE_UNREACHABLE' }]);
    expect(await refusal()).toEqual(['last-backup-failed']);
  });

  test('to reach another store is told, and does not keep retention from its work', async () => {
    const stores = [{ url: `file://${path.join(home, 'recovery.key')}` }];
    const { failure } = await copyToAll({ ...place, stores }, listening());
    expect(failure).toBeDefined();
    expect((await entries()).at(-1)).toMatchObject({ kind: 'failed', job: 'copy', code: failure?.code });
  });
});

function whileCopying(act: () => void) {
  return {
    ...listening<BackupObservation>(),
    observe: ({ event }: BackupObservation) => event === 'backup.copy.started' && act(),
  };
}

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import { copyToAll } from '../../../src/operator/backup/copy/all.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { backUpConfiguration } from '../../../src/operator/backup/dump/configuration.ts';
import { makeRecoveryKey, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { rehearse } from '../../../src/operator/backup/rehearse.ts';
import { openRepository } from '../../../src/operator/backup/repository.ts';
import { prune } from '../../../src/operator/backup/retention/run.ts';
import { openStaging } from '../../../src/operator/backup/staging.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

/** A user that is neither root nor any that runs tests. */
const DAEMON = 61_234;

describe.runIf(process.getuid?.() === 0)('backup commands that root runs', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'vt-owner-'));
  const at = (name: string): string => path.join(root, name);
  const place = {
    directory: at('backups'),
    home: { directory: at('home') },
    stores: [{ url: pathToFileURL(at('copy')).href }],
  };
  const ctx = { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
  let cluster: TestCluster;

  beforeAll(async () => {
    chmodSync(root, 0o755); // Postgres gets to the scratch directory as its own user
    for (const name of ['backups', 'home', 'copy', 'scratch', 'installation']) mkdirSync(at(name));
    for (const name of ['backups', 'home', 'copy']) chownSync(at(name), DAEMON, DAEMON);
    cluster = await startTestCluster();
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(root, { recursive: true });
  });

  test('leave everything to the user whose directories these are', async () => {
    const address = cluster.adminAddress;
    await makeRecoveryKey(place.home, at('recovery.key'), Date.now());
    const repository = await openRepository(place);
    const { label } = await createBackup({ address, repository }, ctx);
    await backUpConfiguration({ address, repository, dir: at('installation') }, ctx);
    const identities = await readRecoveryKey(at('recovery.key'));
    await rehearse({ repository, identities, scratch: at('scratch'), label, record: true }, ctx);
    await prune({ place, rules: { windowDays: 7, dumpDays: 30 }, dryRun: false }, ctx);
    expect((await copyToAll(place, ctx)).failure).toBeUndefined();
    const killed = await openStaging(repository.staging); // as one that was killed leaves it
    const found = await Promise.all(['backups', 'home', 'copy'].map(async (name) => ownersBelow(at(name))));
    await killed.remove();
    for (const owners of found) {
      expect(owners.length).toBeGreaterThan(3);
      expect(owners.filter(({ uid, gid }) => uid !== DAEMON || gid !== DAEMON)).toEqual([]);
    }
    expect(found.flat().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['.staging', 'heads.json', 'catalogue.key', 'rehearsals', 'base.tar.vbk']),
    );
  });
});

async function ownersBelow(directory: string): Promise<Array<{ name: string; uid: number; gid: number }>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries.map(async ({ name, parentPath }) => {
      const { uid, gid } = await stat(path.join(parentPath, name));
      return { name, uid, gid };
    }),
  );
}

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { archiveCommand } from '../../../src/foundation/postgres/archive-command.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository } from '../../../src/operator/backup/repository.ts';
import { listening } from '../../support/archive.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { startDaemon } from '../../support/daemon.ts';
import { untilArchived } from '../../support/recover.ts';
import { middleOf, rowsAt, startLoad } from '../../support/soak.ts';

/** Each kill is one of the daemon with files on their way; more of them for a soak. */
const KILLS = Number(process.env['VECTABASE_ARCHIVE_KILLS'] ?? 8);
const PAUSE = Number(process.env['VECTABASE_ARCHIVE_PAUSE'] ?? 700);

const home = mkdtempSync(path.join(tmpdir(), 'vt-akill-'));
const own = { directory: path.join(home, 'backup') };
const keyFile = path.join(home, 'recovery.key');
const archive = {
  socketDirectory: path.join(home, 'socket'),
  spool: path.join(home, 'spool'),
  repository: path.join(home, 'backups'),
  home: own.directory,
  whenFull: 'stop-writes',
} as const;
let cluster: TestCluster;

beforeAll(async () => {
  chmodSync(home, 0o755);
  mkdirSync(archive.socketDirectory, { mode: 0o700 });
  const owner = await serviceUser();
  if (owner) chownSync(archive.socketDirectory, owner.uid, owner.gid);
  const settings = {
    full_page_writes: 'on',
    track_commit_timestamp: 'on',
    archive_mode: 'on',
    archive_command: archiveCommand(archive.socketDirectory),
  };
  cluster = await startTestCluster({ settings });
});

afterAll(async () => {
  await cluster.stop();
  rmSync(home, { recursive: true });
});

test('killed again and again under writes, the daemon loses no commit', async () => {
  await makeRecoveryKey(own, keyFile, Date.now());
  const repository = await openRepository({ directory: archive.repository, home: own });
  const session = await Session.open(cluster.adminAddress, { applicationName: 'archive kill test' });
  await session.script('create table sales (id bigserial primary key, note text)');
  await createBackup({ address: cluster.adminAddress, repository }, listening());
  const load = await startLoad(cluster, { switchMs: 500 });
  for (let round = 0; round < KILLS; round++) {
    const daemon = await startDaemon({ database: cluster.adminAddress, more: { archive } });
    await sleep(PAUSE + Math.random() * PAUSE);
    daemon.process.kill('SIGKILL');
    await daemon.exited;
  }
  const daemon = await startDaemon({ database: cluster.adminAddress, more: { archive } });
  const written = await load.stop();
  await untilArchived(session).catch((error: unknown) => {
    process.stderr.write(daemon.stderr());
    throw error;
  });
  await session.close();
  daemon.process.kill('SIGTERM'); // the catalogue hears the rest
  expect(await daemon.exited).toBe(0);

  expect(written['postgres.public.sales']).toBeGreaterThan(KILLS * 20);
  const restore = { repository, keyFile, home };
  const latest = await rowsAt({ kind: 'latest' }, restore);
  expect(latest.counts).toMatchObject(written);
  const middle = await middleOf(cluster, written);
  const then = await rowsAt(middle.target, restore);
  expect(then.counts).toMatchObject(middle.counts);
  const told = [KILLS, 'kills', written, `all there in ${latest.ms} ms; of a second in the middle`, middle.counts];
  process.stderr.write(`${told.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(' ')}\n`);
}, 1_200_000);

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { archiveCommand } from '../../../src/foundation/postgres/archive-command.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { readCluster } from '../../../src/operator/backup/archive/cluster.ts';
import { readCatalogue } from '../../../src/operator/backup/catalog/read.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { makeRecoveryKey, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository } from '../../../src/operator/backup/repository.ts';
import { listening } from '../../support/archive.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { startDaemon } from '../../support/daemon.ts';
import { recoverCopy, untilArchived } from '../../support/recover.ts';

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
  chmodSync(home, 0o711);
  mkdirSync(archive.socketDirectory, { mode: 0o700 });
  const owner = await serviceUser();
  if (owner) chownSync(archive.socketDirectory, owner.uid, owner.gid);
  const settings = {
    full_page_writes: 'on',
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
  const entry = await createBackup({ address: cluster.adminAddress, repository }, listening());
  const writing = keepWriting(cluster);
  for (let round = 0; round < KILLS; round++) {
    const daemon = await startDaemon({ database: cluster.adminAddress, more: { archive } });
    await sleep(PAUSE + Math.random() * PAUSE);
    daemon.process.kill('SIGKILL');
    await daemon.exited;
  }
  const daemon = await startDaemon({ database: cluster.adminAddress, more: { archive } });
  const written = await writing.stop();
  await untilArchived(session).catch((error: unknown) => {
    process.stderr.write(daemon.stderr());
    throw error;
  });
  const facts = await readCluster(cluster.adminAddress);
  await session.close();
  daemon.process.kill('SIGTERM'); // the catalogue hears the rest
  expect(await daemon.exited).toBe(0);

  const { documents } = await readCatalogue(
    repository.store,
    facts.systemId,
    { keys: [] },
    new AbortController().signal,
  );
  const entries = documents.map(({ entry: each }) => each);
  const identities = await readRecoveryKey(keyFile);
  const wal = { store: repository.store, facts, identities, entries };
  expect(written).toBeGreaterThan(KILLS * 20);
  const found = await recoverCopy({ cluster, base: { repository, entry, keyFile }, wal, table: 'sales' });
  expect(found).toEqual({ rows: String(written) });
  process.stderr.write(`${KILLS} kills, ${written} rows, all there\n`);
}, 600_000);

/** Commits rows one by one, with a new segment twice a second, until it is stopped. */
function keepWriting({ adminAddress }: TestCluster) {
  const state = { rows: 0, going: true };
  const written = (async () => {
    const session = await Session.open(adminAddress, { applicationName: 'writer' });
    let switched = Date.now();
    while (state.going) {
      await session.rows(`insert into sales (note) values (repeat(md5(random()::text), 30))`);
      state.rows++;
      await sleep(2);
      if (Date.now() - switched < 500) continue;
      await session.rows('select pg_switch_wal()');
      switched = Date.now();
    }
    await session.close();
    return state.rows;
  })();
  return {
    stop: async () => {
      state.going = false;
      return written;
    },
  };
}

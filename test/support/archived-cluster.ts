import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock, type Clock } from '../../src/foundation/core/observe.ts';
import { sleep } from '../../src/foundation/core/sleep.ts';
import type { AgeIdentity } from '../../src/foundation/crypto/age-keys.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../src/foundation/process/service-user.ts';
import { serveArchive } from '../../src/operator/backup/archive/archive-server.ts';
import type { ArchiveObservation } from '../../src/operator/backup/archive/observations.ts';
import { Spool } from '../../src/operator/backup/archive/spool.ts';
import { Uploader } from '../../src/operator/backup/archive/upload.ts';
import { openWriter } from '../../src/operator/backup/catalog/append.ts';
import { createBackup, type CreatedBackup, type Extent } from '../../src/operator/backup/create.ts';
import { Epochs } from '../../src/operator/backup/epochs.ts';
import { makeRecoveryKey, readRecipients, readRecoveryKey } from '../../src/operator/backup/recovery-key.ts';
import { openRepository, type Repository } from '../../src/operator/backup/repository.ts';
import { listening } from './archive.ts';
import { startTestCluster, type TestCluster } from './cluster.ts';

/** A cluster whose WAL goes through the archive server into a store, as the daemon does it. */
export interface ArchivedCluster {
  readonly cluster: TestCluster;
  readonly repository: Repository;
  readonly identities: AgeIdentity[];
  /** Holds all of it: `backups`, `backup`, `recovery.key`; others may pass through. */
  readonly home: string;
  readonly keyFile: string;
  readonly systemId: string;
  backup(extent?: Extent): Promise<CreatedBackup>;
  /** Ends the segment, waits until it is in the store and in the catalogue. */
  archiveAll(): Promise<void>;
  stop(): Promise<void>;
}

/** @param clock of what we do; Postgres has the machine's */
export async function startArchivedCluster(
  settings: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
): Promise<ArchivedCluster> {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-arch-'));
  chmodSync(home, 0o755);
  const owner = await serviceUser();
  const ctx = { ...listening<ArchiveObservation>(), clock };
  let spool: Spool | undefined;
  const archive = await serveArchive({
    directory: path.join(home, 'socket'),
    owner,
    spool: () => spool,
    observe: () => undefined,
    signal: ctx.signal,
  });
  const cluster = await startTestCluster({
    settings: {
      full_page_writes: 'on',
      track_commit_timestamp: 'on',
      archive_mode: 'on',
      archive_command: archive.command,
      ...settings,
    },
  });
  const keyFile = path.join(home, 'recovery.key');
  const place = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') } };
  await makeRecoveryKey(place.home, keyFile, Date.now());
  const repository = await openRepository(place);
  const epochs = new Epochs(async () => readRecipients(place.home), clock);
  const systemId = await ask(cluster, 'select system_identifier::text as value from pg_control_system()');
  spool = await Spool.open({
    directory: path.join(home, 'spool'),
    cluster: { systemId, postgres: '17.10', segmentBytes: 16 * 1024 * 1024 },
    epochs,
    clock,
  });
  const { signal } = ctx;
  const catalogue = openWriter({ store: repository.store, systemId, home: place.home, clock, signal });
  const uploader = new Uploader({ spool, store: repository.store, catalogue }, ctx);
  return {
    cluster,
    repository,
    identities: await readRecoveryKey(keyFile),
    home,
    keyFile,
    systemId,
    backup: async (extent) =>
      createBackup({ address: cluster.adminAddress, repository, extent }, { ...listening(), clock }),
    async archiveAll() {
      const mark = await ask(cluster, 'select pg_current_wal_lsn()::text as value');
      const timeline = await ask(cluster, 'select left(pg_walfile_name(pg_current_wal_lsn()), 8) as value');
      const time = Number(await ask(cluster, LAST_COMMIT));
      await archived(cluster, await ask(cluster, 'select pg_walfile_name(pg_switch_wal()) as value'));
      const [upper = '', lower = ''] = mark.split('/');
      const lsn = (BigInt(`0x${upper}`) << 32n) | BigInt(`0x${lower}`);
      if (time > 0) uploader.mark({ timeline: Number.parseInt(timeline, 16), lsn, time });
      await uploader.drain();
    },
    async stop() {
      await cluster.stop();
      ctx.stop.abort();
      await archive.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** In whole milliseconds since the epoch, not later than it was; empty where none was since the start. */
const LAST_COMMIT = 'select floor(extract(epoch from timestamp) * 1000)::text as value from pg_last_committed_xact()';

async function ask(cluster: TestCluster, statement: string): Promise<string> {
  const session = await Session.open(cluster.adminAddress, { applicationName: 'archived cluster' });
  try {
    const [row] = await session.rows<{ value: string }>(statement);
    return row?.value ?? '';
  } finally {
    await session.close();
  }
}

async function archived(cluster: TestCluster, name: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const last = await ask(cluster, `select coalesce(last_archived_wal, '') as value from pg_stat_archiver`);
    if (last.slice(0, 24) >= name) return;
    await sleep(50);
  }
  throw new Error(`${name} was not archived`);
}

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveCommand } from '../../../src/foundation/postgres/archive-command.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { startArchiver } from '../../../src/operator/backup/archive/archiver.ts';
import type { ArchiveObservation } from '../../../src/operator/backup/archive/observations.ts';
import { returnWindow } from '../../../src/operator/backup/catalog/window.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository, readCatalogues, type Repository } from '../../../src/operator/backup/repository.ts';
import { listening } from '../../support/archive.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { rowsAt } from '../../support/soak.ts';

const home = mkdtempSync(path.join(tmpdir(), 'vt-idle-'));
const keyFile = path.join(home, 'recovery.key');
const directory = path.join(home, 'socket');
const place = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') } };
let cluster: TestCluster;
let admin: Session;
let repository: Repository;

beforeAll(async () => {
  chmodSync(home, 0o755);
  mkdirSync(directory, { mode: 0o700 });
  const owner = await serviceUser();
  if (owner) chownSync(directory, owner.uid, owner.gid);
  cluster = await startTestCluster({
    // Nobody ends a segment by hand here.
    settings: {
      full_page_writes: 'on',
      archive_mode: 'on',
      archive_timeout: '1s',
      archive_command: archiveCommand(directory),
    },
  });
  admin = await Session.open(cluster.adminAddress, { applicationName: 'idle test' });
  await applyTemplates(admin, 'platform');
  await applyTemplates(admin, 'backup');
  await admin.script('create table sales (id integer); insert into sales values (1)');
  await makeRecoveryKey(place.home, keyFile, Date.now());
  repository = await openRepository(place);
  await createBackup({ address: cluster.adminAddress, repository }, listening());
});
afterAll(async () => {
  await admin.close();
  await cluster.stop();
  rmSync(home, { recursive: true });
});

test('a database in which nobody writes can be returned to a second of its rest', { timeout: 180_000 }, async () => {
  // The archiver beats as it starts, and then each minute: two starts are a minute of rest.
  const first = await oneBeat();
  const second = await oneBeat();
  const between = Math.floor((first + second) / 2);
  const target = { kind: 'time', micros: between * 1_000 } as const;
  const { counts } = await rowsAt(target, { repository, keyFile, home });
  expect(counts).toMatchObject({ 'postgres.public.sales': 1, 'postgres.vectabase.heartbeat': 1 });
  // Behind the last beat there is no commit, and nothing that a restore could stop at.
  const after = { kind: 'time', micros: Date.now() * 1_000 } as const;
  await expect(rowsAt(after, { repository, keyFile, home })).rejects.toMatchObject({
    code: expect.stringMatching(/^RESTORE_/) as string,
  });
});

/** @returns when it was, in milliseconds, as the catalogue of the store has it */
async function oneBeat(): Promise<number> {
  const begun = Date.now();
  do {
    const input = { directory, spool: path.join(home, 'spool'), place, whenFull: 'stop-writes' as const };
    const context = listening<ArchiveObservation>();
    const archiver = await startArchiver({ ...input, address: cluster.adminAddress }, context);
    await becomes(async () => (await beatAt()) >= begun);
    const [wal] = await admin.rows<{ file: string }>('select pg_walfile_name(pg_current_wal_lsn()) as file');
    await becomes(async () => (await archivedUpTo()) >= (wal?.file ?? ''));
    await becomes(async () => archiver.status()?.waitingFiles === 0);
    await archiver.stop(); // tells the catalogue, unless the machine was too slow for it: the next one does
  } while ((await knownCommit()) < begun);
  return knownCommit();
}

async function becomes(done: () => Promise<boolean>): Promise<void> {
  await expect.poll(done, { timeout: 30_000, interval: 50 }).toBe(true);
}

async function beatAt(): Promise<number> {
  const [row] = await admin.rows<{ at: string }>(
    'select (extract(epoch from at) * 1000)::bigint::text as at from vectabase.heartbeat',
  );
  return Number(row?.at ?? 0);
}

async function archivedUpTo(): Promise<string> {
  const [row] = await admin.rows<{ file: string | null }>('select last_archived_wal as file from pg_stat_archiver');
  return (row?.file ?? '').slice(0, 24);
}

async function knownCommit(): Promise<number> {
  const [catalogue] = await readCatalogues(repository, new AbortController().signal);
  return (catalogue && returnWindow(catalogue.documents, catalogue.store)?.to) ?? 0;
}

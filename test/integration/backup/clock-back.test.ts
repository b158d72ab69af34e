import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/foundation/core/observe.ts';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { conditionsOf } from '../../../src/operator/backup/alerts/rules.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { entriesOf } from '../../../src/operator/backup/catalog/view.ts';
import { readCatalogues, type BackupEntry } from '../../../src/operator/backup/repository.ts';
import { readyRestore, rehearseCopy } from '../../../src/operator/backup/restore/run.ts';
import { instantText, type RestoreTarget } from '../../../src/operator/backup/restore/target.ts';
import { prune } from '../../../src/operator/backup/retention/run.ts';
import { backupStatus } from '../../../src/operator/backup/status.ts';
import { listening } from '../../support/archive.ts';
import { startArchivedCluster, type ArchivedCluster } from '../../support/archived-cluster.ts';

const HOUR = 3_600_000;
let setBack = 0;
const clock: Clock = { now: () => systemClock.now() - setBack };
const ctx = () => ({ ...listening<BackupObservation>(), clock });

let archived: ArchivedCluster;
let first: BackupEntry;
let second: BackupEntry;
/** Commit times of the rows before the clock went back, in microseconds. */
let micros: number[];
let documentsBefore: number;

beforeAll(async () => {
  archived = await startArchivedCluster({}, clock);
  const session = await Session.open(archived.cluster.adminAddress, { applicationName: 'clock test' });
  const write = async (id: number): Promise<unknown> => session.rows('insert into sales values ($1)', [id]);
  try {
    await session.script('create table sales (id integer primary key)');
    first = await archived.backup();
    for (const id of [1, 2, 3, 4, 5]) await write(id);
    const rows = await session.rows<{ micros: string }>(
      `select (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint::text as micros from sales order by id`,
    );
    micros = rows.map((row) => Number(row.micros));
    await sleep(1_100); // the catalogue is told of commits up to a second ago
    await archived.archiveAll();
    documentsBefore = (await catalogue()).length;
    setBack = HOUR;
    await write(6);
    await archived.archiveAll();
    second = await archived.backup();
    await write(7);
    await archived.archiveAll();
  } finally {
    await session.close();
  }
});
afterAll(async () => {
  await archived.stop();
});

async function catalogue() {
  const [found] = await readCatalogues(archived.repository, new AbortController().signal);
  return found?.documents ?? [];
}

async function restored(target: RestoreTarget, label?: string) {
  const { repository, identities, home } = archived;
  const where = { site: undefined, scratch: path.join(home, 'scratch'), into: path.join(home, 'restored') };
  const ready = await readyRestore({ repository, identities, target, label, ...where }, ctx());
  return rehearseCopy(ready, ctx());
}

test('WAL is archived and backups are made as before, with a new key, in a catalogue that goes on', async () => {
  const documents = await catalogue();
  const since = documents.slice(documentsBefore);
  expect(documents.map(({ number }) => number)).toEqual(documents.map((_, index) => index + 1));
  expect(since.map(({ entry }) => entry.kind).filter((kind) => kind === 'wal').length).toBeGreaterThanOrEqual(2);
  expect(Date.parse(since[0]?.at ?? '')).toBeLessThan(Date.parse(documents[documentsBefore - 1]?.at ?? ''));
  expect(since[0]?.entry.kind).toBe('epoch');
  expect(entriesOf(since, 'base').map(({ entry }) => entry.label)).toEqual([second.label]);
  expect(second.label < first.label).toBe(true);
});

test('nothing is pruned, and somebody hears why', async () => {
  const { repository, home } = archived;
  const place = { directory: path.join(home, 'backups'), home: repository.home };
  const [plan] = await prune({ place, rules: { windowDays: 0, dumpDays: 0 }, dryRun: false }, ctx());
  expect(plan).toMatchObject({ refused: 'clock-went-back', remove: [], removed: undefined });
  const { standing, problems } = await backupStatus({
    place,
    data: home,
    now: clock.now(),
    signal: new AbortController().signal,
  });
  expect(problems.join()).toContain('timedatectl status');
  const clockBehind = standing.clockBehind * 1_000;
  const limits = { archiveLag: HOUR, disk: 1, keyProof: undefined };
  const alerts = conditionsOf({ now: clock.now(), jobs: [], disks: [], clockBehind }, limits);
  expect(alerts.map(({ key }) => key)).toEqual(['clock']);
});

test('a second from before is returned to, although it is in the future by now', async () => {
  const target: RestoreTarget = { kind: 'time', micros: micros[2] ?? 0 };
  // What was written since then carries earlier times: the owner says which passage he means by naming a backup.
  await expect(restored(target)).rejects.toMatchObject({
    code: 'RESTORE_UNREACHABLE',
    hint: expect.stringContaining(`${first.label} --pitr`),
  });
  const report = await restored(target, first.label);
  expect(report).toMatchObject({ backup: first.label, lastCommit: instantText(micros[2] ?? 0) });
  expect(report.counts).toEqual({ 'postgres.public.sales': 3 });
  await expect(restored({ kind: 'time', micros: (systemClock.now() + HOUR) * 1_000 })).rejects.toMatchObject({
    code: 'USAGE',
  });
});

test('the latest commit has what was written since', async () => {
  expect((await restored({ kind: 'latest' })).counts).toEqual({ 'postgres.public.sales': 7 });
});

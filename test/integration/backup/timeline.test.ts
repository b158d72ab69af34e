import { rename } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { entriesOf } from '../../../src/operator/backup/catalog/view.ts';
import { branchesOf, returnWindow } from '../../../src/operator/backup/catalog/window.ts';
import type { CreatedBackup } from '../../../src/operator/backup/create.ts';
import { readCatalogues, type BackupEntry } from '../../../src/operator/backup/repository.ts';
import { readyRestore, rehearseCopy, restoreInto } from '../../../src/operator/backup/restore/run.ts';
import type { Site } from '../../../src/operator/backup/restore/site.ts';
import { parseInstant } from '../../../src/operator/backup/restore/target.ts';
import { listening } from '../../support/archive.ts';
import { startArchivedCluster, type ArchivedCluster } from '../../support/archived-cluster.ts';

/** A cluster that was returned to a second, went on from there and was backed up again. */
let archived: ArchivedCluster;
let first: BackupEntry;
let second: CreatedBackup;
/** The commits of rows 1 to 5 by the database's clock: 3 and 4 were undone, 5 came after the restore. */
const commits: string[] = [];

beforeAll(async () => {
  archived = await startArchivedCluster({ summarize_wal: 'on' });
  await ask('create table sales (id integer primary key)');
  first = await archived.backup();
  for (const id of [1, 2, 3, 4]) await sell(id);
  await archived.archiveAll();
  const into = path.join(archived.home, 'restored');
  await restoreInto(await ready(commits[1] ?? '', into), into, listening());
  const { cluster } = archived;
  await cluster.kill('SIGINT');
  const data = path.join(cluster.directory, 'data');
  await rename(data, `${data}.left`);
  await rename(into, data);
  await cluster.restart();
  await archived.archiveAll(); // The timeline begins for the archive when its history arrives there.
  await sell(5);
  await sell(6);
  await archived.archiveAll();
  second = await archived.backup('auto');
  await sell(7);
  await archived.archiveAll();
});
afterAll(async () => archived.stop());

test('the new timeline stands in the catalogue, and its history is named as an object of it', async () => {
  const [timeline, ...more] = entriesOf(await documents(), 'timeline');
  expect(more).toEqual([]);
  expect(timeline?.entry).toMatchObject({
    timeline: 2,
    parents: [{ timeline: 1, end: expect.stringMatching(/^0\/[0-9A-F]+$/) as string }],
    objects: [{ object: 'wal/00000002.history' }],
  });
  expect(second.end.timeline).toBe(2);
});

test('what changed since before the restore is not asked for: nobody has summaries of it', () => {
  expect(second).toMatchObject({
    fullBecause: `backup ${first.label} is of timeline 1, and the server is on 2`,
    end: { timeline: 2 },
  });
});

test('status tells of one span over both, and all of it is there', async () => {
  const window = returnWindow(await documents(), archived.repository.store.url);
  expect(window?.from).toBe(Date.parse(first.finishedAt));
  expect(window?.to).toBeGreaterThan(Date.parse(second.finishedAt) - 2000);
  expect(window?.to).toBeGreaterThan(parseInstant(commits[4] ?? '') / 1000 - 2000);
  expect(await rowsAt(commits[0] ?? '')).toBe(1);
  expect(await rowsAt(commits[2] ?? '')).toBe(3); // what was undone is on the timeline that was left
  expect(await rowsAt(commits[4] ?? '')).toBe(3); // 1, 2 and 5
});

test('after an undo the last commit is of the line that went on, of the installation at once', async () => {
  const { cluster, home } = archived;
  await archived.cluster.kill('SIGINT');
  const data = path.join(cluster.directory, 'data');
  await rename(data, `${data}.restored`);
  await rename(`${data}.left`, data);
  await cluster.restart();
  await sell(8);
  const site: Site = {
    kind: 'up',
    name: 'test',
    data,
    runAs: await serviceUser(),
    spool: path.join(home, 'spool'),
    scratch: path.join(home, 'scratch'),
    journal: path.join(home, 'restore.json'),
    isRunning: async () => true,
    stop: async () => ({ release: async () => undefined }),
    start: async () => false,
  };
  const latest = async (here?: Site) => {
    const { repository, identities } = archived;
    const request = {
      repository,
      identities,
      target: { kind: 'latest' as const },
      scratch: path.join(home, 'scratch'),
    };
    return readyRestore({ ...request, site: here, into: path.join(home, 'elsewhere') }, listening());
  };
  expect((await latest(site)).plan.timeline).toBe(1);
  expect((await latest()).plan.timeline).toBe(2); // nobody else can know yet
  await archived.archiveAll();
  const told = await latest();
  expect(told.plan.timeline).toBe(1);
  expect((await rehearseCopy(told, listening())).counts['postgres.public.sales']).toBe(5); // 1 to 4, and 8
  const { live, left } = branchesOf(await documents(), archived.repository.store.url);
  expect({ live, left: left.map(({ timeline }) => timeline) }).toEqual({ live: 1, left: [2] });
});

async function rowsAt(instant: string): Promise<unknown> {
  return (await rehearseCopy(await ready(instant), listening())).counts['postgres.public.sales'];
}

async function ready(instant: string, into = path.join(archived.home, 'elsewhere')) {
  const { repository, identities, home } = archived;
  const target = { kind: 'time' as const, micros: parseInstant(instant) };
  const scratch = path.join(home, 'scratch');
  return readyRestore({ repository, identities, target, site: undefined, scratch, into }, listening());
}

async function documents() {
  const [catalogue] = await readCatalogues(archived.repository, new AbortController().signal);
  return catalogue?.documents ?? [];
}

async function sell(id: number): Promise<void> {
  await ask(`insert into sales values (${id})`);
  const [row] = await ask<{ at: string }>(
    `select to_char(pg_xact_commit_timestamp(xmin) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') as at
       from sales where id = ${id}`,
  );
  commits.push(row?.at ?? '');
}

async function ask<R extends Record<string, unknown>>(statement: string): Promise<R[]> {
  const session = await Session.open(archived.cluster.adminAddress, { applicationName: 'timeline test' });
  try {
    return await session.rows<R>(statement);
  } finally {
    await session.close();
  }
}

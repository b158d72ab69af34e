import { readdir, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../../src/foundation/postgres/session.ts';
import type { CreatedBackup } from '../../../src/operator/backup/create.ts';
import { findLinked } from '../../../src/operator/backup/links.ts';
import { listEntries } from '../../../src/operator/backup/repository.ts';
import { readyRestore, rehearseCopy, type Rehearsed } from '../../../src/operator/backup/restore/run.ts';
import type { RestoreTarget } from '../../../src/operator/backup/restore/target.ts';
import { verifyLinked } from '../../../src/operator/backup/verify.ts';
import { listening } from '../../support/archive.ts';
import { eventually } from '../../support/daemon.ts';
import { startArchivedCluster, type ArchivedCluster } from '../../support/archived-cluster.ts';

/** A week of a cluster in little: a full backup, and what changed twice since. */
let archived: ArchivedCluster;
let full: CreatedBackup;
let first: CreatedBackup;
let second: CreatedBackup;
/** Sums over each table at the end of the second backup, which nothing followed. */
let sums: string;

beforeAll(async () => {
  archived = await startArchivedCluster({ autovacuum: 'off' });
  await summarize('on');
  await run(`create table sales (id integer primary key, note text, paid boolean default false);
    insert into sales (id, note) select n, repeat(md5(n::text), 8) from generate_series(1, 60000) n;
    create index on sales (note);
    create table shrinks as select n, repeat('x', 200) as pad from generate_series(1, 20000) n;
    create table goes as select generate_series(1, 5000) as n`);
  await archived.cluster.createDatabase('dropped');
  full = await archived.backup('auto');
  await run(`update sales set paid = true where id % 997 = 0;
    delete from shrinks where n > 3000;
    drop table goes;
    create table comes as select generate_series(1, 7000) as n;
    truncate table comes; insert into comes select generate_series(1, 100)`);
  await run('vacuum shrinks'); // cuts its file
  await run('drop database dropped');
  await archived.cluster.createDatabase('made');
  first = await archived.backup('auto');
  await run(`insert into shrinks select n, repeat('y', 200) from generate_series(3001, 9000) n;
    update sales set note = 'changed' where id between 100 and 120;
    insert into sales (id, note) select n, 'new' from generate_series(60001, 61000) n`);
  second = await archived.backup('incremental');
  sums = await sumsOf((statement) => run(statement));
  await archived.archiveAll();
});
afterAll(async () => archived.stop());

test('holds what changed, and names what it builds on', async () => {
  expect([full.parent, first.parent, second.parent]).toEqual([undefined, full.label, first.label]);
  expect([first.fullBecause, second.fullBecause]).toEqual([undefined, undefined]);
  expect(full.fullBecause).toBe('there is no backup to build on');
  expect(bytesOf(second)).toBeLessThan(bytesOf(full) / 2); // half of that is WAL
  const listed = await listEntries(archived.repository);
  expect(listed.map(({ label, parent, signed }) => ({ label, parent, signed }))).toEqual(
    [second, first, full].map(({ label, parent }) => ({ label, parent, signed: true })),
  );
});

test('comes back as the cluster was, every row and every index', async () => {
  expect(await restored({ kind: 'base' }, second.label)).toEqual(sums);
  const report = await rehearsed({ kind: 'base' }, first.label);
  expect(report.counts).toMatchObject({ 'postgres.public.shrinks': 3000, 'postgres.public.comes': 100 });
  expect(report.counts).not.toHaveProperty('postgres.public.goes');
  expect(report.databases.map(({ database }) => database)).toEqual(['made', 'postgres']);
});

test('is whole by the manifests of all that it builds on', async () => {
  const { repository, identities } = archived;
  const linked = await findLinked(repository, undefined);
  expect(linked.ancestors.map(({ label }) => label)).toEqual([full.label, first.label]);
  const { files } = await verifyLinked({ ...linked, repository, identities }, listening());
  expect(files).toBeGreaterThan(2500);
});

test('is the way to the last commit, too', async () => {
  await run(`insert into comes values (101)`);
  await archived.archiveAll();
  const report = await rehearsed({ kind: 'latest' });
  expect(report.backup).toBe(second.label);
  expect(report.counts).toMatchObject({ 'postgres.public.comes': 101, 'postgres.public.sales': 61000 });
});

test('is no way where a part of it is damaged, and nothing builds on that any more', async () => {
  const { repository, identities, systemId, home } = archived;
  const file = path.join(home, 'backups', systemId, 'base', first.label, 'base.tar.vbk');
  const size = first.objects[0]?.sealedBytes ?? 0;
  await truncate(file, size - 1);
  await expect(rehearsed({ kind: 'base' }, second.label)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  expect(await archived.backup('auto')).toMatchObject({
    fullBecause: `base/${first.label}/base.tar is not in the store as it was written`,
  });
  const linked = await findLinked(repository, second.label);
  await expect(verifyLinked({ ...linked, repository, identities }, listening())).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
  });
  // What is found damaged says so in the catalogue.
  await expect(archived.backup('incremental')).resolves.toMatchObject({ parent: expect.any(String) as string });
});

test('is not taken where nobody can tell what changed', async () => {
  const { home, cluster } = archived;
  await rm(path.join(home, 'backups', '.manifests'), { recursive: true });
  await expect(archived.backup('incremental')).rejects.toMatchObject({ code: 'INCREMENTAL_REFUSED', exitCode: 5 });
  const again = await archived.backup('auto');
  expect(again.fullBecause).toMatch(/^the manifest of backup .* is not on this machine$/);
  // One that the next backup needs: from where the last one began to the next checkpoint.
  await run('checkpoint');
  const needed = `select 1 from pg_available_wal_summaries() where start_lsn = '${again.start.lsn}'`;
  await expect.poll(async () => run(needed), { timeout: 30_000 }).toHaveLength(1);
  const summaries = path.join(cluster.directory, 'data', 'pg_wal', 'summaries');
  for (const name of await readdir(summaries)) await rm(path.join(summaries, name));
  const summariesGone = await archived.backup('auto');
  expect(summariesGone.parent).toBeUndefined();
  expect(summariesGone.fullBecause).toMatch(/^the server cannot tell what changed since the backup before: /);
  await summarize('off');
  expect((await archived.backup('auto')).fullBecause).toContain('summarize_wal is off');
});

async function summarize(value: 'on' | 'off'): Promise<void> {
  await run(`alter system set summarize_wal = ${value}`);
  await run('select pg_reload_conf()');
  await eventually(async () => (await run('show summarize_wal'))[0]?.['summarize_wal'] === value);
}

function bytesOf({ objects }: CreatedBackup): number {
  return objects.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

async function ready(target: RestoreTarget, label: string | undefined) {
  const { repository, identities, home } = archived;
  const scratch = path.join(home, 'scratch');
  return readyRestore({ repository, identities, target, label, site: undefined, scratch }, listening());
}

async function rehearsed(target: RestoreTarget, label?: string): Promise<Rehearsed> {
  return rehearseCopy(await ready(target, label), listening());
}

async function restored(target: RestoreTarget, label: string): Promise<string> {
  const { withCopyAtTarget } = await import('../../../src/operator/backup/restore/run.ts');
  const work = async (copy: { scratch: { address(name: string): Parameters<typeof Session.open>[0] } }) =>
    sumsOf((statement) => ask(copy.scratch.address('postgres'), statement));
  return withCopyAtTarget(await ready(target, label), work, listening());
}

async function sumsOf(query: (statement: string) => Promise<Record<string, unknown>[]>): Promise<string> {
  const sum = (table: string): string =>
    `select '${table}' as name, count(*)::text as rows, sum(hashtextextended(t::text, 0))::text as sum from ${table} t`;
  return JSON.stringify(await query(['sales', 'shrinks', 'comes'].map(sum).join(' union all ')));
}

async function run(statement: string): Promise<Record<string, unknown>[]> {
  return ask(archived.cluster.adminAddress, statement);
}

async function ask(address: Parameters<typeof Session.open>[0], statement: string): Promise<Record<string, unknown>[]> {
  const session = await Session.open(address, { applicationName: 'incremental test' });
  try {
    if (!statement.includes(';')) return await session.rows(statement);
    await session.script(statement);
    return [];
  } finally {
    await session.close();
  }
}

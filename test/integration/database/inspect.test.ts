import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { INSPECT_REPORTS } from '../../../src/operator/database/inspect-reports.ts';
import { renderInspect } from '../../../src/operator/database/inspect-text.ts';
import { inspectDatabase, type InspectRow } from '../../../src/operator/database/inspect.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { startSystemPostgres, systemMajors, type SystemPostgres } from '../../support/system-postgres.ts';

const CANARY = 'canary-1nspect';
const BLOCK = 8192;

it('has one file of SQL for each report, and no other', async () => {
  const files = await readdir(assetPath('templates', 'sql', 'inspect'));
  expect(files.toSorted()).toEqual(INSPECT_REPORTS.map(({ name }) => `${name}.sql`).toSorted());
});

/** A table with an index that is used, one that is not, one that is mostly dead rows, and a role with settings. */
const SHOP = `
  create schema shop;
  create table shop.sales (id int primary key, customer int, note text) with (autovacuum_enabled = off);
  insert into shop.sales select i, i % 100, repeat('x', 100) from generate_series(1, 20000) i;
  create index sales_customer on shop.sales (customer);
  create table shop.full_of_holes (id int, note text) with (autovacuum_enabled = off);
  insert into shop.full_of_holes select i, repeat('y', 200) from generate_series(1, 10000) i;
  create index holes_id on shop.full_of_holes (id);
  delete from shop.full_of_holes where id > 1000;
  analyze shop.sales; analyze shop.full_of_holes;
  create role inspected login connection limit 7;
  alter role inspected set work_mem = '5MB';
  alter role inspected set shop.api_key = '${CANARY}';
`;

describe('on the Postgres that vectabase up brings', () => {
  let cluster: TestCluster;
  let target: DatabaseAddress;

  beforeAll(async () => {
    cluster = await startTestCluster({ settings: { shared_preload_libraries: 'pg_stat_statements' } });
    target = await cluster.createDatabase('inspected');
    const session = await Session.open(target, { applicationName: 'an app' });
    await session.script(SHOP);
    await session.script('create schema extensions; create extension pg_stat_statements schema extensions');
    for (let time = 0; time < 60; time += 1) await session.rows('select note from shop.sales where id = $1', [time]);
    await session.script('set enable_seqscan = off');
    await session.rows(`select count(*) from shop.full_of_holes where id < 5 and note <> '${CANARY}'`);
    await session.script(`select pg_create_logical_replication_slot('inspected', 'test_decoding')`).catch(() => null);
    await session.script(`select pg_create_physical_replication_slot('held', true)`);
    await session.script('select pg_stat_force_next_flush()');
    await session.close();
  });
  afterAll(async () => cluster?.stop());

  async function rows(name: string): Promise<readonly InspectRow[]> {
    const [result] = await inspectDatabase(
      target,
      INSPECT_REPORTS.filter((report) => report.name === name),
    );
    expect(result).toMatchObject({ report: name, database: 'inspected' });
    return result?.rows ?? [];
  }
  const named = async (report: string, name: string): Promise<InspectRow> =>
    (await rows(report)).find((row) => row['name'] === name) ?? {};

  it('answers every report, and shows no value of a statement', async () => {
    const results = await inspectDatabase(target, INSPECT_REPORTS);
    expect(results.map(({ report }) => report)).toEqual(INSPECT_REPORTS.map(({ name }) => name));
    expect(results.every(({ rows: found }) => found !== null)).toBe(true);
    expect(JSON.stringify(results)).not.toContain(CANARY);
    const texts = INSPECT_REPORTS.flatMap((report, index) =>
      results.slice(index, index + 1).map((result) => renderInspect(report, result)),
    );
    expect(texts.every((text, index) => text.includes(INSPECT_REPORTS[index]?.title ?? '?'))).toBe(true);
  });

  it('tells sizes as Postgres does', async () => {
    const session = await Session.open(target, { applicationName: 'test' });
    const [size] = await session.rows<{ table: string; index: string; total: string }>(
      `select pg_table_size('shop.sales') as table, pg_indexes_size('shop.sales') as index,
              pg_total_relation_size('shop.sales') as total`,
    );
    await session.close();
    expect(await named('table-sizes', 'shop.sales')).toEqual({ name: 'shop.sales', size_bytes: Number(size?.table) });
    expect(await named('table-index-sizes', 'shop.sales')).toMatchObject({ index_bytes: Number(size?.index) });
    expect(await named('total-table-sizes', 'shop.sales')).toMatchObject({ size_bytes: Number(size?.total) });
    expect(await named('table-stats', 'shop.sales')).toMatchObject({ total_bytes: Number(size?.total) });
    const [all] = await rows('total-index-size');
    expect(all?.['size_bytes']).toBeGreaterThanOrEqual(Number(size?.index));
    expect(await named('table-record-counts', 'shop.sales')).toMatchObject({ estimated_rows: 20_000 });
  });

  it('tells indexes that are used from those that are not', async () => {
    expect((await rows('unused-indexes')).map((row) => row['name'])).toContain('shop.sales_customer');
    expect(await named('index-stats', 'shop.sales_customer')).toMatchObject({ index_scans: 0, unused: true });
    expect(await named('index-stats', 'shop.sales_pkey')).toMatchObject({ unused: false });
    expect((await named('index-usage', 'shop.sales'))['index_used_percent']).toBeGreaterThan(50);
  });

  it('finds the holes of a table', async () => {
    const holes = await named('bloat', 'shop.full_of_holes');
    expect(holes['bloat']).toBeGreaterThan(4);
    expect(holes['waste_bytes']).toBeGreaterThan(200 * BLOCK);
    expect((await named('bloat', 'shop.sales'))['bloat']).toBeLessThan(1.3);
    expect((await named('bloat', 'shop.sales::sales_pkey'))['bloat']).toBeLessThan(1.5);
    expect(await named('vacuum-stats', 'shop.full_of_holes')).toMatchObject({
      dead_rows: 9_000,
      expects_autovacuum: true,
      last_vacuum: null,
    });
  });

  it('counts statements', async () => {
    const [most] = await rows('calls');
    expect(most?.['calls']).toBeGreaterThanOrEqual(60);
    const outliers = await rows('outliers');
    const times = outliers.map((row) => Number(row['total_ms']));
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  it('names a setting that may be a secret, and hides its value', async () => {
    const settings = (await rows('role-configs')).filter((row) => row['role'] === 'inspected');
    expect(settings.map((row) => row['setting'])).toEqual(['shop.api_key=…', 'work_mem=5MB']);
    const role = (await rows('role-stats')).find((row) => row['role'] === 'inspected');
    expect(role).toMatchObject({ settings: 'shop.api_key=…, work_mem=5MB', connection_limit: 7, superuser: false });
  });

  it('tells what a slot holds', async () => {
    expect(await named('replication-slots', 'held')).toMatchObject({ type: 'physical', active: false });
    expect((await named('replication-slots', 'held'))['held_bytes']).toBeGreaterThanOrEqual(0);
  });

  it('shows who waits for whom', async () => {
    const [holder, waiter] = await Promise.all(
      ['holder', 'waiter'].map((applicationName) => Session.open(target, { applicationName })),
    );
    if (holder === undefined || waiter === undefined) throw new Error('no sessions');
    await holder.script('begin; lock table shop.sales in access exclusive mode');
    const waits = waiter.rows(`select count(*) from shop.sales where note = '${CANARY}'`);
    try {
      await expect
        .poll(async () => rows('blocking'), { timeout: 30_000 })
        .toEqual([
          expect.objectContaining({
            blocked_pid: waiter.announcedPid,
            blocking_pid: holder.announcedPid,
            blocked_query: 'select count(*) from shop.sales where note = ?',
          }),
        ]);
      expect(await rows('locks')).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ pid: holder.announcedPid, relation: 'shop.sales', granted: true }),
          expect.objectContaining({ pid: waiter.announcedPid, relation: 'shop.sales', granted: false }),
        ]),
      );
      expect((await rows('role-connections')).some((row) => Number(row['connections']) >= 2)).toBe(true);
    } finally {
      await holder.script('rollback');
      await waits;
      await Promise.all([holder.close(), waiter.close()]);
    }
  });

  it('says so where statements are not counted', async () => {
    const bare = await cluster.createDatabase('bare');
    const results = await inspectDatabase(bare, INSPECT_REPORTS);
    expect(results.filter(({ rows: found }) => found === null).map(({ report }) => report)).toEqual([
      'calls',
      'outliers',
    ]);
  });
});

/** Where Debian's own Postgres is installed, of whatever major: catalogues differ. */
describe.each(systemMajors())('on Postgres %i', (major) => {
  let system: SystemPostgres;
  beforeAll(async () => {
    system = await startSystemPostgres(major);
  });
  afterAll(async () => system?.stop());

  it('answers every report', async () => {
    const session = await Session.open(system.address('postgres'), { applicationName: 'an app' });
    await session.script(SHOP);
    await session.close();
    const results = await inspectDatabase(system.address('postgres'), INSPECT_REPORTS);
    const counted = results.filter(({ rows: found }) => found !== null).map(({ report }) => report);
    expect(counted).toEqual(INSPECT_REPORTS.map(({ name }) => name).filter((name) => !/^(calls|outliers)$/.test(name)));
  });
});

/** Between two attempts the source goes on living. What a resumed run ends with is the source at the newer instant. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import type { MigrateObservation } from '../../../src/operator/migrate/observations.ts';
import type { MigrateChoices } from '../../../src/operator/migrate/options.ts';
import { contentOf, shapeOf } from '../../support/content.ts';
import { migrate, startBench, type Bench, type Moved } from '../../support/migration.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
  const admin = await bench.admin('source');
  await admin.script(await readFile(assetPath('test/fixtures/small-project.sql'), 'utf8'));
  await admin.script(`
    create table app.by_key (id int primary key, body text);
    create table app.by_page (id uuid default gen_random_uuid(), n int, body text);
    create table app.shouted (who text);
    grant all on all tables in schema app to postgres;
    grant all on schema app to public;
    create function app.shout() returns trigger language plpgsql as $$
      begin insert into app.shouted values (tg_table_name || tg_op); return new; end $$;
    create trigger always after insert or update or delete on app.by_key for each row execute function app.shout();
    create trigger on_replica after insert or update or delete on app.notes for each row execute function app.shout();
    create trigger at_truncate after truncate on app.notes execute function app.shout();
    alter table app.by_key enable always trigger always;
    alter table app.notes enable replica trigger on_replica;
    alter table app.notes enable always trigger at_truncate;
    ${FILL}; analyze`);
  await admin.close();
});
afterAll(async () => bench?.stop());

const FILL = `truncate app.by_key, app.by_page;
  insert into app.by_key select n, repeat(md5(n::text), 8) from generate_series(1, 2000) n;
  insert into app.by_page (n, body) select n, repeat(md5(n::text), 8) from generate_series(1, 2000) n`;

const SPLIT: Partial<MigrateChoices> = { jobs: 1, buildJobs: 1, splitAbove: 200_000 };

async function stopAt(
  target: DatabaseAddress,
  until: (seen: MigrateObservation) => boolean,
  choices: Partial<MigrateChoices> = SPLIT,
): Promise<void> {
  const controller = new AbortController();
  const run = migrate(
    { source: bench.sourceAddress, target },
    {
      choices,
      signal: controller.signal,
      onObservation: (seen) => until(seen) && controller.abort(new Error('stopped by the test')),
    },
  );
  await expect(run).rejects.toMatchObject({ code: 'MIGRATE_STOPPED' });
}

async function resume(target: DatabaseAddress): Promise<Moved> {
  return migrate({ source: bench.sourceAddress, target }, { resume: true });
}

/** As the owner's app: triggers fire. */
async function inSource(sql: string): Promise<void> {
  const admin = await bench.admin('source');
  await admin.script(sql);
  await admin.close();
}

async function expectEqual(name: string): Promise<void> {
  const [left, right] = await Promise.all([bench.admin('source'), bench.admin('target', name)]);
  const shape = await shapeOf(left);
  expect(await contentOf(right, shape)).toEqual(await contentOf(left, shape));
  await left.close();
  await right.close();
}

const part = (id: string) => (seen: MigrateObservation) =>
  seen.event === 'migrate.table.finished' && (seen as { part?: string }).part === id;
const step = (id: string) => (seen: MigrateObservation) => seen.event === 'migrate.step.finished' && seen.id === id;

const POINTS: ReadonlyArray<readonly [string, (seen: MigrateObservation) => boolean]> = [
  ['part of a table split by key', part('copy app.by_key 3/7')],
  ['part of a table split by page', part('copy app.by_page 3/7')],
  ['a whole table', part('copy public.customers')],
  ['the foreign keys', step('foreign keys')],
  ['all but the refreshing of views', step('finish')],
  ['everything, views included', step('indexes of views')],
];

const CHANGES = `
  insert into app.by_key values (-1, 'first'), (5000, 'last') on conflict do nothing;
  update app.by_key set body = 'changed' where id in (3, 1999);
  update app.by_key set id = id + 10000 where id = 7;
  delete from app.by_key where id = 9;
  update app.by_page set body = 'moved to another page' where n % 100 = 1;
  delete from app.by_page where n = 2;
  insert into app.by_page (n, body) values (0, 'late');
  update app.notes set body = 'new' where id = (select min(id::text)::uuid from app.notes);
  insert into public.customers (name) values ('late customer ' || random());
  insert into public.orders (customer_id, amount) select max(id), 5 from public.customers;
  delete from public.customers where id = (select min(id) from public.customers);
  update app.events set at = '2026-01-31' where id = (select min(id) from app.events where at < '2026-01-01');
  update auth.users set email = 'renamed' || random() where id = (select min(id::text)::uuid from auth.users);
  delete from auth.users where id = (select max(id::text)::uuid from auth.users);
  select nextval('app.invoice_numbers');
  refresh materialized view app.totals`;

describe('the source changed after', () => {
  test.each(POINTS)('%s', async (_, until) => {
    const name = `r${POINTS.findIndex(([, point]) => point === until)}`;
    const target = await bench.freshTarget(name);
    await stopAt(target, until);
    await inSource(CHANGES);
    const { report, observations } = await resume(target);
    expect(report.catalogue?.different).toEqual([]);
    expect(report).toMatchObject({ outcome: 'complete', consistency: 'revalidated', sequences: { behind: [] } });
    expect(report.tables.filter(({ status }) => status !== 'verified')).toEqual([]);
    expect(observations.some((seen) => seen.event === 'migrate.resume.noted')).toBe(true);
    await expectEqual(name);
  });

  test('everything: whole tables emptied and filled with other rows, on both kinds of parts', async () => {
    const target = await bench.freshTarget('emptied');
    await stopAt(target, step('finish'));
    await inSource(`
      create temp table kept as select * from app.by_key;
      truncate app.by_key, app.by_page;
      insert into app.by_key select id, body || '!' from kept;
      insert into app.by_page (n, body) select n, 'all new' from generate_series(1, 500) n;
      truncate app.notes`);
    const { report } = await resume(target);
    expect(report).toMatchObject({ outcome: 'complete', consistency: 'revalidated' });
    await expectEqual('emptied');
    await inSource(`${FILL}; analyze`);
  });

  test('nothing: what is there is kept, not copied again', async () => {
    const target = await bench.freshTarget('kept');
    await stopAt(target, step('foreign keys'));
    const { report, observations } = await resume(target);
    expect(report.outcome).toBe('complete');
    expect(observations.filter(({ event }) => event === 'migrate.table.started')).toEqual([]);
    await expectEqual('kept');
  });
});

describe('without verification', () => {
  test('a resumed run is labelled mixed; parts by page are never of two instants', async () => {
    const target = await bench.freshTarget('mixed');
    await stopAt(target, part('copy app.by_page 2/7'), { ...SPLIT, verify: false });
    // Each update moves its row behind the last page: an older part and a newer one would both have it.
    await inSource(`update app.by_page set body = body where n < 400`);
    const { report } = await resume(target);
    expect(report).toMatchObject({ outcome: 'complete, not verified', consistency: 'mixed' });
    const [left, right] = await Promise.all([bench.admin('source'), bench.admin('target', 'mixed')]);
    const shape = new Map([...(await shapeOf(left))].filter(([table]) => table === 'app.by_page'));
    expect(await contentOf(right, shape)).toEqual(await contentOf(left, shape));
    await left.close();
    await right.close();
  });
});

describe('a predecessor that is cut off and does not know it', () => {
  test('is ended by its successor, and adds nothing when its link comes back', async () => {
    const target = await bench.freshTarget('zombie');
    const proxy = await TcpProxy.listen({ host: '127.0.0.1', port: bench.target.port });
    const behind = { ...bench.target.address('zombie', { tcp: true }), port: proxy.port };
    const controller = new AbortController();
    let stalled = (): void => undefined;
    const atRest = new Promise<void>((resolve) => (stalled = resolve));
    const zombie = migrate(
      { source: bench.sourceAddress, target: behind },
      {
        choices: { ...SPLIT, maxRate: 300_000 },
        signal: controller.signal,
        onObservation: (seen) => {
          if (seen.event !== 'migrate.table.progress' || seen.id !== 'app.by_page') return;
          proxy.stall();
          stalled();
        },
      },
    ).catch((error: unknown) => error);
    await Promise.race([atRest, zombie]);
    await sleep(100);
    // The server drops the keeper's connection and with it the lock; the worker's transaction stays open.
    const admin = await bench.admin('target', 'zombie');
    const [row] = await admin.rows<{ ended: string; open: string }>(
      `select (select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' and database =
                (select oid from pg_database where datname = current_database()))::text as ended,
              (select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null)::text as open`,
    );
    expect(row).toEqual({ ended: '1', open: '1' });
    await admin.close();
    const { report } = await resume(target);
    expect(report.outcome).toBe('complete');
    proxy.resume();
    expect(await zombie).toMatchObject({ code: 'MIGRATE_STOPPED' });
    controller.abort();
    await proxy.close();
    await expectEqual('zombie');
  });
});

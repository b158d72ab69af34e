import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { migrate, startBench, type Bench } from '../../support/migration.ts';

let bench: Bench;
let plain: TestCluster;
beforeAll(async () => {
  bench = await startBench();
  plain = await startTestCluster();
  const session = await Session.open(plain.address('postgres'), { applicationName: 'test' });
  await session.script(`
    create role shopkeeper;
    create schema shop authorization shopkeeper;
    create table public.things (id int primary key, name text);
    create table shop.orders (id int generated always as identity primary key, thing int references public.things);
    alter table shop.orders owner to shopkeeper;
    create function public.f() returns int language sql as 'select 1';
    insert into public.things values (1, null), (2, 'two');
    insert into shop.orders (thing) values (1), (2);`);
  await session.close();
});
afterAll(async () => {
  await plain?.stop();
  await bench?.stop();
});

test('a plain Postgres moves too, and roles that it has never heard of get nothing by default privileges here', async () => {
  const target = await bench.freshTarget('from_plain');
  const { report } = await migrate({ source: plain.address('postgres'), target });
  expect(report.catalogue?.different).toEqual([]);
  expect(report.outcome).toBe('complete');
  const session = await bench.admin('target', 'from_plain');
  const [row] = await session.rows(`select has_table_privilege('anon', 'public.things', 'select') as anon`);
  await session.close();
  expect(row).toEqual({ anon: false });
});

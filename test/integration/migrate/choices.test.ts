/** What an operator may choose, and shapes of data that tempt to take a shortcut. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import type { MigrateChoices } from '../../../src/operator/migrate/options.ts';
import { zooSql } from '../../fixtures/flips.ts';
import { contentOf, shapeOf } from '../../support/content.ts';
import { migrate, startBench, type Bench, type Moved } from '../../support/migration.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
  const admin = await bench.admin('source');
  await admin.script(await readFile(assetPath('test/fixtures/small-project.sql'), 'utf8'));
  await admin.script(zooSql());
  await admin.script(ODD);
  await admin.close();
});
afterAll(async () => bench?.stop());

const COLUMNS = Array.from({ length: 1600 }, (_, n) => `c${n}`);

/** Names, widths and sizes at the edge. */
const ODD = `
  create schema "Schema with ""quotes"" and
a line";
  create table "Schema with ""quotes"" and
a line"."back\\slash 'and' ""more"" ;--" ("a
b" int primary key, "select" text default '\\', "%s %I $1" text);
  insert into "Schema with ""quotes"" and
a line"."back\\slash 'and' ""more"" ;--" values (1, E'\\\\.', '\\N'), (2, null, ''), (3, E'tab\\tline\\nreturn\\r\\b\\v', '\\x41');
  create table app."user" ("order" int primary key, "group" text, "table" text, "end" text);
  insert into app."user" values (1, 'a', 'b', 'c');
  create table app."table" as select 1 as "select", 2 as "from", 3 as "where";
  create table app.wide (${COLUMNS.map((name) => `${name} int2`).join(', ')});
  insert into app.wide select ${COLUMNS.map((_, n) => n).join(', ')};
  create table app.empty_keyed (id int primary key);
  create table app.one_page (id int primary key, body text);
  insert into app.one_page select n, 'x' from generate_series(1, 10) n;
  create table app.no_statistics (id int primary key, body text);
  alter table app.no_statistics set (autovacuum_enabled = off);
  insert into app.no_statistics select n, repeat(md5(n::text), 8) from generate_series(1, 3000) n;
  create table app.same_key (id int, n int, body text, primary key (id, n));
  insert into app.same_key select 7, n, repeat(md5(n::text), 8) from generate_series(1, 3000) n;
  create table app.toasted (id int primary key, body text);
  alter table app.toasted alter body set storage external;
  insert into app.toasted select n, repeat(md5(n::text), 400) from generate_series(1, 50) n;
  create table app.huge (id int primary key, body text);
  insert into app.huge select 1, repeat(md5('x'), 20 * 1024 * 1024 / 32);
  create type app.outer_type as (inner_value app.zoo_pair, moods app.zoo_mood[]);
  create table public.foreign_types (id int primary key, v app.outer_type, w app.zoo_span, l app.zoo_same);
  insert into public.foreign_types values (1, row(row('a', 1.0), '{ok,sad}'), '[1,2)', 'A'), (2, null, null, null);
  analyze app.same_key, app.toasted, app.one_page, app.huge`;

async function move(name: string, choices: Partial<MigrateChoices>): Promise<Moved> {
  return migrate({ source: bench.sourceAddress, target: await bench.freshTarget(name) }, { choices });
}

async function contents(name: string): Promise<{ here: Record<string, string>; there: Record<string, string> }> {
  const [left, right] = await Promise.all([bench.admin('source'), bench.admin('target', name)]);
  const shape = await shapeOf(left);
  const [here, there] = [await contentOf(right, shape), await contentOf(left, shape)];
  await left.close();
  await right.close();
  return { here, there };
}

describe('how rows travel', () => {
  test.each<[string, Partial<MigrateChoices>]>([
    ['as text, one at a time', { format: 'text', jobs: 1, buildJobs: 1 }],
    ['in binary, eight at a time', { format: 'binary', jobs: 8, buildJobs: 8 }],
    ['in many small parts', { splitAbove: 8192, jobs: 3 }],
    ['never split', { splitAbove: null }],
  ])('%s: the same', async (how, choices) => {
    const name = `how_${how.length}`;
    const { report } = await move(name, choices);
    expect(report.catalogue?.different).toEqual([]);
    expect(report.tables.filter(({ status }) => status !== 'verified')).toEqual([]);
    expect(report.outcome).toBe('complete');
    const formats = new Set(report.tables.map(({ format }) => format));
    expect(formats.has('binary')).toBe(choices.format !== 'text');
    const cut = report.tables.filter(({ parts }) => parts > 1).map(({ table }) => table);
    const large = choices.splitAbove === 8192 ? ['app.no_statistics', 'app.same_key'] : [];
    expect(cut).toEqual(expect.arrayContaining(large));
    expect(cut.length > 0).toBe(large.length > 0);
    expect(cut).not.toContain('app.empty_keyed');
    const { here, there } = await contents(name);
    expect(here).toEqual(there);
  });

  test('no faster than asked, over all tables together', async () => {
    const rate = 2 * 1024 ** 2;
    let begun: number | undefined;
    const seen: Array<{ at: number; bytes: number }> = [];
    await migrate(
      { source: bench.sourceAddress, target: await bench.freshTarget('slow') },
      {
        choices: { maxRate: rate, jobs: 3, only: ['public.*', 'app.no_statistics', 'app.same_key', 'app.toasted'] },
        onObservation: (event) => {
          if (event.event === 'migrate.table.started') begun ??= Date.now();
          if (event.event === 'migrate.table.finished') seen.push({ at: Date.now(), bytes: event.bytes });
        },
      },
    );
    const bytes = seen.reduce((sum, each) => sum + each.bytes, 0);
    const seconds = ((seen.at(-1)?.at ?? 0) - (begun ?? 0)) / 1000;
    expect(bytes).toBeGreaterThan(1.5 * rate);
    // A second's worth may pass in one burst.
    expect(bytes - rate).toBeLessThanOrEqual(seconds * rate * 1.2);
  });
});

describe('what moves', () => {
  test('--only and --exclude leave rows behind, and keys to them unproved, and say so', async () => {
    const { report } = await move('some', {
      only: ['public', 'app.*', 'Schema*'],
      exclude: ['public.customers', '*.huge'],
    });
    const status = Object.fromEntries(report.tables.map((table) => [table.table, table.status]));
    expect(status).toMatchObject({
      'public.orders': 'verified',
      'public.customers': 'rows left out',
      'app.huge': 'rows left out',
      'app.notes': 'verified',
      'auth.users': 'rows left out',
    });
    expect(report.outcome).toBe('complete');
    expect(report.foreignKeys?.notValid).toEqual(['orders_customer_id_fkey on public.orders']);
    expect(report.catalogue?.different).toEqual([]);
    expect(report.catalogue?.explained.map(({ key }) => key)).toContain(
      'foreign-key orders_customer_id_fkey on public.orders',
    );
    const { here, there } = await contents('some');
    const nothing = Object.keys(here).filter((table) => here[table] === '0 -' && there[table] !== '0 -');
    expect(nothing.toSorted()).toEqual(['app.huge', 'auth.users', 'public.customers']);
  });

  test('--skip leaves an object out, and says what goes with it', async () => {
    const { report } = await move('skipped', {
      skip: ['view public.large_orders', 'index public.orders_customer_idx', 'function public.count_order()'],
    });
    expect(report.outcome).toBe('complete');
    const left = Object.fromEntries(report.leftOut.map(({ key, why }) => [key, why]));
    expect(left).toMatchObject({
      'view public.large_orders': 'left out by request (--skip)',
      'index public.orders_customer_idx': 'left out by request (--skip)',
      'function public.count_order()': 'left out by request (--skip)',
    });
    expect(left['trigger count_order on public.orders']).toMatch(/needs function public\.count_order\(\)/);
    expect(Object.keys(left).filter((key) => /^(grant|owner) view public\.large_orders/.test(key))).not.toEqual([]);
  });

  test('--skip of something that other work needs asks for a decision', async () => {
    await expect(move('asked', { skip: ['enum app.zoo_mood'] })).rejects.toMatchObject({
      code: 'MIGRATE_BLOCKED',
      message: expect.stringMatching(/table app\.zoo cannot be made: it needs enum app\.zoo_mood/),
    });
  });
});

test('2,000 tables', { timeout: 300_000 }, async () => {
  const admin = await bench.admin('source');
  await admin.script(`do $$ begin
    for n in 1..2000 loop execute format('create table app.many_%s (id int primary key, v text)', n);
      if n % 500 = 0 then execute format('insert into app.many_%s values (1, ''x'')', n); end if; end loop; end $$`);
  await admin.close();
  const started = Date.now();
  const { report } = await move('many', { only: ['app.many_*'], jobs: 4 });
  process.stderr.write(`2,000 tables in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  expect(report.outcome).toBe('complete');
  expect(report.tables.filter(({ status }) => status === 'verified')).toHaveLength(2000);
});

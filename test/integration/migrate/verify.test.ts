/** A verification that can miss something proves nothing: change one thing on the target at a time, and it must be named. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { differences } from '../../../src/operator/migrate/errors.ts';
import { readRun } from '../../../src/operator/migrate/ledger.ts';
import type { PlannedTable } from '../../../src/operator/migrate/plan/model.ts';
import { openSource } from '../../../src/operator/migrate/ends/source.ts';
import { openTarget } from '../../../src/operator/migrate/ends/target.ts';
import { compareTable } from '../../../src/operator/migrate/rows/verify.ts';
import { verifyMigration } from '../../../src/operator/migrate/verify-again.ts';
import type { Session } from '../../../src/foundation/postgres/session.ts';
import { bare, FLIPS, zooSql } from '../../fixtures/flips.ts';
import { migrate, quiet, startBench, WORDS, type Bench } from '../../support/migration.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
  const admin = await bench.admin('source');
  await admin.script(await readFile(assetPath('test/fixtures/small-project.sql'), 'utf8'));
  await admin.script(zooSql());
  await admin.close();
  await migrate({ source: bench.sourceAddress, target: await bench.freshTarget('verified') });
});
afterAll(async () => bench?.stop());

/** What a verification names, after `change` to a copy of the target and `there` to the source. */
async function namedAfter(change: string, there?: { change: string; undo: string }): Promise<string[]> {
  const target = await bench.target.createDatabase('changed', 'verified');
  const onTarget = await bench.admin('target', 'changed');
  const onSource = await bench.admin('source');
  try {
    await onTarget.script(`set session_replication_role = replica; ${change}`);
    if (there) await onSource.script(there.change);
    const report = await verifyMigration(
      { ends: { source: bench.sourceAddress, target }, jobs: 2, words: WORDS },
      quiet(),
    );
    if (report.outcome === 'complete') return [];
    expect(report.outcome).toBe('differences');
    const { code, exitCode, details } = differences(report);
    expect({ code, exitCode }).toEqual({ code: 'MIGRATE_DIFFERENCES', exitCode: 6 });
    return Object.values(details as Record<string, string[]>).flat();
  } finally {
    if (there) await onSource.script(there.undo);
    await onSource.close();
    await onTarget.close();
    const admin = await bench.admin('target');
    await admin.script('drop database changed');
    await admin.close();
  }
}

test('an equal copy is equal', async () => {
  expect(await namedAfter('select 1')).toEqual([]);
});

describe('one value changed', () => {
  let source: Session;
  let target: Session;
  let table: PlannedTable | undefined;
  beforeAll(async () => {
    source = await openSource(bench.sourceAddress);
    target = await openTarget(await bench.target.createDatabase('flips', 'verified'));
    table = (await readRun(target))?.plan.tables.find(({ identity }) => identity === 'app.zoo');
  });
  afterAll(async () => {
    await source?.close();
    await target?.close();
  });

  test.each(FLIPS)('$type: $from → $to', async ({ type, from, to, column }) => {
    if (!table) throw new Error('no zoo');
    expect((await compareTable(source, target, table)).equal).toBe(true);
    await target.script(`begin; update app.zoo set ${column} = ${to}::${bare(type)} where id = 1`);
    try {
      expect((await compareTable(source, target, table)).equal, `${from} and ${to} look the same`).toBe(false);
    } finally {
      await target.script('rollback');
    }
  });
});

/** Changes that do not touch each other, made at once: each has to be named. */
const CHANGES: Readonly<Record<string, ReadonlyArray<readonly [name: string, sql: string]>>> = {
  'rows changed': [
    ['app.zoo', `update app.zoo set c12 = 1.00 where id = 1`],
    ['public.orders', `delete from public.orders where id = 77`],
    ['app.zoo_keyless', `insert into app.zoo_keyless values (1)`],
    ['app.events_new', `update app.events set body = body || '.' where id = 40`],
    ['auth.users', `update auth.users set email = 'x' where email = 'c1@example.com'`],
    ['app.notes', `truncate app.notes`],
    ['app.zoo_nothing', `insert into app.zoo_nothing default values`],
  ],
  'rows exchanged': [
    ['app.zoo_keyless', `update app.zoo_keyless set a = case a when 1 then 0 else 3 end`],
    ['app.events_old', `update app.events set at = '2026-01-02' where id = 60`],
    ['app.events_new', `select 1`],
    ['public.customers', `update public.customers set id = -id where id < 3`],
  ],
  'objects dropped': [
    ['policy "Own row" on public.customers', `drop policy "Own row" on public.customers`],
    ['index public.orders_customer_idx', `drop index public.orders_customer_idx`],
    [
      'constraint customers_name_key on public.customers',
      `alter table public.customers drop constraint customers_name_key`,
    ],
    ['check orders_amount_check on public.orders', `alter table public.orders drop constraint orders_amount_check`],
    [
      'foreign-key orders_customer_id_fkey on public.orders',
      `alter table public.orders drop constraint orders_customer_id_fkey`,
    ],
    ['trigger count_order on public.orders', `drop trigger count_order on public.orders`],
    ['grant view public.large_orders', `revoke select on public.large_orders from anon`],
    ['publication-table app_changes: public.orders', `alter publication app_changes drop table public.orders`],
    ['comment table public.orders', `comment on table public.orders is null`],
    ['default public.orders.placed_at', `alter table public.orders alter placed_at drop default`],
    ['materialized-view app.totals', `drop materialized view app.totals`],
    ['sequence app.invoice_numbers', `drop sequence app.invoice_numbers`],
    ['table app.notes', `alter table app.notes drop column body`],
    ['table app.zoo_nothing', `drop table app.zoo_nothing`],
    ['table app.events_new', `alter table app.events detach partition app.events_new; drop table app.events_new`],
  ],
  'objects changed': [
    ['policy "Own row" on public.customers', `alter policy "Own row" on public.customers using (true)`],
    [
      'foreign-key orders_customer_id_fkey on public.orders',
      `alter table public.orders drop constraint orders_customer_id_fkey,
       add constraint orders_customer_id_fkey foreign key (customer_id) references public.customers on delete cascade not valid`,
    ],
    ['trigger count_order on public.orders', `alter table public.orders disable trigger count_order`],
    [
      'function public.count_order()',
      `create or replace function public.count_order() returns trigger language plpgsql set search_path = '' as 'begin return new; end'`,
    ],
    ['grant table public.customers', `grant all on public.customers to public`],
    ['row-security public.customers', `alter table public.customers disable row level security`],
    ['view public.large_orders', `create or replace view public.large_orders as select id, amount from public.orders`],
    ['owner table app.notes', `alter table app.notes owner to supabase_admin`],
    ['table public.orders', `alter table public.orders alter note set not null`],
    ['table app.notes', `alter table app.notes rename body to remark`],
    ['enum app.zoo_mood', `alter type app.zoo_mood rename value 'ok' to 'okay'`],
    ['sequence app.invoice_numbers', `alter sequence app.invoice_numbers increment 5`],
    ['public.orders_id_seq', `select setval('public.orders_id_seq', 3999)`],
  ],
  'a right and a count only': [
    ['function public.count_order()', `alter function public.count_order() security definer`],
    ['app.invoice_numbers', `select setval('app.invoice_numbers', 1233)`],
  ],
};

describe('on the target', () => {
  test.each(Object.entries(CHANGES))('%s: each is named', async (_, changes) => {
    const names = await namedAfter(changes.map(([, sql]) => sql).join(';\n'));
    expect(names).toEqual(expect.arrayContaining(changes.map(([name]) => name)));
  });

  test('a sequence that ran ahead is no difference', async () => {
    expect(await namedAfter(`select setval('app.invoice_numbers', 99999)`)).toEqual([]);
  });
});

describe('on the source since', () => {
  test('rows, objects that came, went and changed are named', async () => {
    const own = `alter policy "Own row" on public.customers using`;
    const names = await namedAfter('select 1', {
      change: `insert into app.zoo_keyless values (9); create table app.later (id int); alter table app.events add extra int;
        alter table app.notes rename body to text; alter table app.zoo_nothing rename to gone;
        alter sequence app.invoice_numbers rename to gone_too; ${own} (true)`,
      undo: `delete from app.zoo_keyless where a = 9; drop table app.later; alter table app.events drop extra;
        alter table app.notes rename text to body; alter table app.gone rename to zoo_nothing;
        alter sequence app.gone_too rename to invoice_numbers; ${own} (email = auth.jwt() ->> 'email')`,
    });
    const wanted = [
      'app.zoo_keyless',
      'table app.later',
      'table app.events',
      'table app.notes',
      'table app.zoo_nothing',
    ];
    wanted.push('table app.gone', 'sequence app.invoice_numbers', 'policy "Own row" on public.customers');
    expect(names).toEqual(expect.arrayContaining(wanted));
  });

  test('a source that is another one is refused', async () => {
    await bench.source.createDatabase('other', 'postgres');
    const target = await bench.target.createDatabase('changed', 'verified');
    const run = verifyMigration(
      { ends: { source: { ...bench.sourceAddress, database: 'other' }, target }, jobs: 2, words: WORDS },
      quiet(),
    );
    await expect(run).rejects.toMatchObject({ code: 'MIGRATE_SOURCE_OTHER' });
  });
});

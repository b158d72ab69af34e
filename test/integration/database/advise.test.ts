import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock, type JobContext } from '../../../src/foundation/core/observe.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import type { DatabaseObservation } from '../../../src/operator/database/model.ts';
import { adviseIndexes, applyAdvice, undoAppliedAdvice } from '../../../src/operator/database/run.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { marketplace, within } from '../../support/marketplace.ts';

const COLUMNS = ['discord_id', 'roblox_id', 'license_key', 'api_key'];
const NONE = new Set<never>();
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
  await marketplace(cluster, 'marketplace');
});
afterAll(() => cluster?.stop());

function context(signal = new AbortController().signal): JobContext<DatabaseObservation> {
  return { observe: () => undefined, signal, clock: systemClock };
}

/** A copy of the marketplace, and what every index of it is. */
async function copy(name: string): Promise<DatabaseAddress> {
  return cluster.createDatabase(name, 'marketplace');
}

async function definitions(address: DatabaseAddress): Promise<string[]> {
  return within(address, async (session) => {
    const rows = await session.rows<{ text: string }>(
      `select pg_get_indexdef(indexrelid) || case when indisvalid then '' else ' INVALID' end as text from pg_index i
       join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname not in ('pg_catalog', 'pg_toast', 'vectabase') order by 1`,
    );
    return rows.map(({ text }) => text);
  });
}

test('the marketplace lacks exactly nine foreign keys and three named columns, and has fourteen duplicates', async () => {
  const { wanted, spare, usageKnown } = await adviseIndexes({
    target: cluster.address('marketplace'),
    columns: COLUMNS,
  });
  expect(wanted.map(({ table, columns, reasons }) => `${table}.${columns.join()}: ${reasons.join()}`)).toEqual([
    'affiliate_payout_requests.affiliate_link_id: foreign key to public.affiliate_links',
    'affiliate_referrals.sale_id: foreign key to public.sales',
    'bot_whitelisted_users.roblox_id: searched by roblox_id',
    'bot_whitelisted_users.license_key: searched by license_key',
    'changelogs.version_id: foreign key to public.roadmap_versions',
    'discount_usage.sale_id: foreign key to public.sales',
    'forum_posts.last_reply_user_id: foreign key to auth.users',
    'license_keys.sale_id: foreign key to public.sales',
    'obfuscation_usage.api_key_id: foreign key to public.developer_api_keys',
    'roadmap_suggestion_upvotes.user_id: foreign key to auth.users',
    'roadmap_suggestions.version_id: foreign key to public.roadmap_versions',
    'whitelist_entries.discord_id: searched by discord_id',
  ]);
  const duplicates = spare.filter(({ why }) => why === 'duplicate');
  expect(duplicates).toHaveLength(14);
  expect(duplicates).toContainEqual(
    expect.objectContaining({ index: 'idx_profiles_user_id', instead: 'profiles_user_id_key', droppable: true }),
  );
  expect({ usageKnown, unused: spare.filter(({ why }) => why === 'unused') }).toEqual({
    usageKnown: false,
    unused: [],
  });
});

test('applied, nothing is missing; undone, every index is as it was', async () => {
  const target = await copy('applied');
  const before = await definitions(target);
  const report = await applyAdvice({ target, columns: COLUMNS }, new Set(['duplicate'] as const), context());
  expect(report.applied).toHaveLength(26);
  expect(report.applied?.filter(({ done }) => !done)).toEqual([]);
  const after = await adviseIndexes({ target, columns: COLUMNS });
  expect([after.wanted, after.spare.filter(({ why }) => why === 'duplicate')]).toEqual([[], []]);
  expect(await definitions(target)).toContain(
    'CREATE INDEX whitelist_entries_discord_id_idx ON public.whitelist_entries USING btree (discord_id)',
  );
  const again = await applyAdvice({ target, columns: COLUMNS }, NONE, context());
  expect(again.applied).toEqual([]);

  const { undone } = await undoAppliedAdvice(target, context());
  expect(undone.filter(({ done }) => done)).toHaveLength(26);
  expect(await definitions(target)).toEqual(before);
  expect((await undoAppliedAdvice(target, context())).undone).toEqual([]);
});

test('stopped in the middle of a build, the next run rebuilds the INVALID index and goes on', async () => {
  const target = await copy('stopped');
  const stop = new AbortController();
  await within(target, async (reader) => {
    // A writer that does not end: the build waits for it, and that is where it is stopped.
    await reader.script(`begin; update public.changelogs set title = title`);
    const run = applyAdvice({ target, columns: COLUMNS }, NONE, context(stop.signal)).catch((error: unknown) => error);
    await untilInvalid(target, 'changelogs_version_id_idx');
    await expect(applyAdvice({ target, columns: COLUMNS }, NONE, context())).rejects.toMatchObject({
      code: 'LOCK_HELD',
    });
    stop.abort();
    expect(await run).toMatchObject({ code: 'INDEXES_STOPPED', exitCode: 75 });
    await reader.script('rollback');
  });
  const broken = await adviseIndexes({ target, columns: COLUMNS });
  expect(broken.wanted[0]).toMatchObject({ action: 'rebuild', index: 'changelogs_version_id_idx' });
  expect(broken.wanted.filter(({ table }) => table === 'changelogs')).toHaveLength(1);

  const { applied } = await applyAdvice({ target, columns: COLUMNS }, NONE, context());
  expect(applied?.every(({ done }) => done)).toBe(true);
  expect((await definitions(target)).filter((text) => text.endsWith('INVALID'))).toEqual([]);
  expect((await adviseIndexes({ target, columns: COLUMNS })).wanted).toEqual([]);
  // What was rebuilt is still ours to take back.
  await undoAppliedAdvice(target, context());
  expect(await definitions(target)).toEqual(await definitions(cluster.address('marketplace')));
});

async function untilInvalid(target: DatabaseAddress, index: string): Promise<void> {
  await within(target, async (session) => {
    for (let attempt = 0; attempt < 400; attempt++) {
      const rows = await session.rows(
        `select from pg_index where indexrelid = to_regclass($1) and not indisvalid
         and exists (select from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'create index%')`,
        [`public.${index}`],
      );
      if (rows.length > 0) return;
      await sleep(25);
    }
    throw new Error(`${index} never began`);
  });
}

test('a partitioned table gets its index part by part, also one whose build was killed', async () => {
  const target = await cluster.createDatabase('partitioned');
  await within(target, (session) =>
    session.script(`create table public.people (id int primary key);
      create table public.log (id int, at date not null, person int references people, license_key text) partition by range (at);
      create table public.log_a partition of log for values from ('2025-01-01') to ('2026-01-01');
      create table public.log_b partition of log for values from ('2026-01-01') to ('2027-01-01') partition by list (id);
      create table public.log_b_1 partition of log_b for values in (1);
      create table public.log_b_2 partition of log_b default;
      insert into log select n % 3, date '2025-06-01' + n % 500, null, 'k' || n from generate_series(1, 1000) n;
      analyze;
      -- As a killed run leaves it: the parent's is INVALID, one partition has its part, another one a broken one.
      create index log_person_idx on only public.log (person);
      create index log_a_person_idx on public.log_a (person);
      alter index log_person_idx attach partition log_a_person_idx;
      create index log_b_1_person_idx on public.log_b_1 (person);
      update pg_index set indisvalid = false where indexrelid = 'log_b_1_person_idx'::regclass`),
  );
  const plan = await adviseIndexes({ target, columns: ['license_key'] });
  expect(plan.wanted.map(({ action, index }) => `${action} ${index}`)).toEqual([
    'rebuild log_b_1_person_idx',
    'create log_person_idx',
    'create log_license_key_idx',
  ]);
  const { applied } = await applyAdvice({ target, columns: ['license_key'] }, NONE, context());
  expect(applied?.map(({ error }) => error)).toEqual([null, null, null]);
  expect((await adviseIndexes({ target, columns: ['license_key'] })).wanted).toEqual([]);
  const valid = await within(target, (session) =>
    session.rows<{ name: string }>(
      `select c.relname::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relname ~ '^log_(license_key|person)' and i.indisvalid order by 1`,
    ),
  );
  expect(valid.map(({ name }) => name)).toEqual(['log_license_key_idx', 'log_person_idx']);
  await undoAppliedAdvice(target, context());
  expect((await definitions(target)).filter((text) => text.includes('license_key'))).toEqual([]);
});

test('an index that cannot be built is told, and the others are built', async () => {
  const target = await cluster.createDatabase('refused');
  await within(target, (session) =>
    session.script(`create table public.a (id int primary key, license_key text);
      create table public.b (id int primary key, "api_key" text, discord_id json);
      insert into a select 1, string_agg(md5(n::text), '') from generate_series(1, 9000) n`),
  );
  const report = await applyAdvice({ target, columns: COLUMNS }, NONE, context());
  expect(report.applied).toMatchObject([
    { index: 'public.a_license_key_idx', done: false, error: { code: '54000' } },
    { index: 'public.b_api_key_idx', done: true, error: null },
  ]);
});

test('a column that holds envelopes gets no index of its own', async () => {
  const target = await copy('sealed');
  await within(target, async (session) => {
    await applyTemplates(session, 'encryption');
    await session.script(`insert into vectabase.encrypted_columns (schema_name, table_name, column_name, form, blind_index, readers, row_key, state)
      values ('public', 'bot_whitelisted_users', 'license_key', 'text', true, '{service_role}', '{id}', 'encrypted'),
        ('public', 'bot_whitelisted_users', 'roblox_id', 'text', true, '{service_role}', '{id}', 'applying')`);
  });
  const { wanted } = await adviseIndexes({ target, columns: COLUMNS });
  expect(wanted.filter(({ table }) => table === 'bot_whitelisted_users').map(({ columns }) => columns)).toEqual([
    ['roblox_id'],
  ]);
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/foundation/core/observe.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { buildStandinSource } from '../../src/operator/demo/standin/build.ts';
import { SPECIMENS } from '../fixtures/standin-specimens.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;
let admin: Session;
let owner: Session;

beforeAll(async () => {
  cluster = await startTestCluster();
  const address = await cluster.createDatabase('source');
  admin = await Session.open(address, { applicationName: 'standin admin' });
  const context = { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
  await buildStandinSource(admin, { rows: 5000, hugeRowBytes: 3_000_000 }, context);
  owner = await Session.open(cluster.address('source', { user: 'postgres' }), { applicationName: 'standin owner' });
});

afterAll(async () => {
  await owner?.close();
  await admin?.close();
  await cluster?.stop();
});

async function value(sql: string, session = admin): Promise<unknown> {
  const [row] = await session.rows(`select (${sql}) as value`);
  return row?.['value'];
}

describe('postgres on a hosted project', () => {
  it.each([
    ['is cancelled after two minutes', `current_setting('statement_timeout') = '2min'`],
    ['gets floats cut to 15 digits', `current_setting('extra_float_digits') = '0'`],
    ['finds extensions by its path', `current_setting('search_path') = '"$user", public, extensions'`],
    [
      'bypasses row security',
      `(select rolbypassrls and rolcreaterole and rolcreatedb and rolreplication and not rolsuper
      from pg_roles where rolname = current_user)`,
    ],
    [
      'is no member of the service roles',
      `not pg_has_role('supabase_auth_admin', 'usage')
      and not pg_has_role('supabase_storage_admin', 'usage')`,
    ],
    ['reads users and files', `(select count(*) > 0 from auth.users) and (select count(*) > 0 from storage.objects)`],
    [
      'reads decrypted secrets',
      `(select decrypted_secret = 'sk_live_stand_in' from vault.decrypted_secrets where name = 'stripe_key')`,
    ],
    ['sees its jobs alone', `(select count(*) = 2 from cron.job where username = current_user)`],
    [
      'does not own the event triggers',
      `(select count(*) = 6 and bool_and(evtowner::regrole::text = 'supabase_admin')
      from pg_event_trigger)`,
    ],
    [
      'meets extensions that no package holds',
      `(select count(*) = 4 from pg_extension
      where extname in ('pg_cron', 'pg_net', 'supabase_vault', 'pg_graphql'))`,
    ],
  ])('%s', async (_, sql) => {
    expect(await value(`select ${sql}`, owner)).toBe(true);
  });

  it.each([
    ['create in auth', 'create table auth.mine ()'],
    ['change a table of auth', 'alter table auth.users add column mine integer'],
    ['write the ledger of auth', `insert into auth.schema_migrations values ('1')`],
    ['become a service role', 'set role supabase_auth_admin'],
    ['change the server', `alter system set work_mem = '1GB'`],
    [
      'subscribe to itself without a password',
      `create subscription s connection 'host=x' publication p with (connect = false)`,
    ],
    [
      'make an event trigger',
      'create event trigger mine on ddl_command_end execute function extensions.pgrst_ddl_watch()',
    ],
  ])('may not %s', async (_, sql) => {
    await expect(owner.script(sql)).rejects.toThrow(/permission denied|must be|password/i);
  });

  it('may switch triggers off, as the platform allows it', async () => {
    await owner.script('begin; set local session_replication_role = replica');
    expect(await value(`current_setting('session_replication_role')`, owner)).toBe('replica');
    await owner.script('rollback');
  });

  it('has drifted from what this release knows of auth and storage', async () => {
    const drift = await admin.rows(`
      select to_regclass('storage.prefixes') is not null as prefixes,
        to_regclass('auth.webauthn_credentials') is null as no_webauthn,
        (select array_to_string(array_agg(attname::text order by attname), ' ') from pg_attribute
          where attrelid = 'auth.users'::regclass and attname in ('signup_context', 'reauthentication_sent_at')) as users,
        (select count(*) > 0 from auth.users where signup_context is not null) as filled,
        (select count(*)::int from auth.schema_migrations) > 60 and (select count(*)::int from storage.migrations) = 44 as ledgers`);
    expect(drift).toEqual([
      { prefixes: true, no_webauthn: true, users: 'signup_context', filled: true, ledgers: true },
    ]);
  });
});

describe('the second schema', () => {
  it.each(Object.entries(SPECIMENS))('holds %s', async (_, sql) => {
    expect(await value(sql)).toBe(true);
  });

  it('was built without a trigger firing, one of which fires even for replicas', async () => {
    expect(await value('select count(*)::int from app_private.trigger_calls')).toBe(0);
    await admin.script(`begin; set local session_replication_role = replica; set constraints all deferred;
      insert into app_private.employees values (1000, 'new', 1)`);
    expect(
      await value(`select array_to_string(array_agg(name order by name), ' ') from app_private.trigger_calls`),
    ).toBe('always_on for_replicas');
    await admin.script('rollback');
  });
});

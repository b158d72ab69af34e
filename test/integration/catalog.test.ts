import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { systemClock } from '../../src/foundation/core/observe.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { buildStandinSource } from '../../src/operator/demo/standin/build.ts';
import { objectKey, type Catalog } from '../../src/operator/migrate/catalog/model.ts';
import { KINDS, sortByNeeds } from '../../src/operator/migrate/catalog/order.ts';
import { readCatalog } from '../../src/operator/migrate/catalog/read.ts';
import { CHANGES } from '../fixtures/catalog-changes.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { differences, dropAll, makeAll, readIn } from '../support/round-trip.ts';

/** What a target may give away by itself, whatever the source says: none of it may be left on a copied thing. */
const GENEROUS = `
  alter default privileges grant all on tables to anon, nasty_reader;
  alter default privileges grant all on sequences to anon;
  alter default privileges grant all on routines to anon;
  alter default privileges grant usage on types to anon;
  alter default privileges grant all on schemas to anon`;

let cluster: TestCluster;
let nasty: Session;
let source: Catalog;
const opened: Session[] = [];

beforeAll(async () => {
  cluster = await startTestCluster();
  // The owner of a hosted project is `postgres`; what `supabase_admin` owns counts as the platform's.
  const admin = await open('postgres');
  await admin.script('create role postgres superuser login');
  nasty = await create('nasty');
  await nasty.script(await readFile(assetPath('test', 'fixtures', 'nasty.sql'), 'utf8'));
  await nasty.script(`
    create table public.since_17 (id bigint generated always as identity, at date) partition by range (at);
    create table public.since_17_a partition of public.since_17 for values from ('2024-01-01') to ('2025-01-01');
    grant maintain, select on public.since_17 to anon`);
  source = await readIn(nasty);
});

afterAll(async () => {
  for (const session of opened) await session.close();
  await cluster?.stop();
});

async function open(database: string, user?: string): Promise<Session> {
  const address = cluster.address(database, user === undefined ? {} : { user });
  const session = await Session.open(address, { applicationName: `catalog ${database}` });
  opened.push(session);
  return session;
}

async function create(database: string): Promise<Session> {
  await cluster.createDatabase(database);
  return open(database, 'postgres');
}

describe('the list', () => {
  it('has every kind there is', () => {
    const kinds = new Set(source.objects.map((object) => object.kind));
    expect(KINDS.filter((kind) => !kinds.has(kind))).toEqual([]);
    expect([...kinds].filter((kind) => !KINDS.includes(kind))).toEqual([]);
  });

  it('names each object once, and in needs only what it holds', () => {
    const keys = source.objects.map(objectKey);
    const known = new Set(keys);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(source.objects.flatMap((object) => object.needs).filter((key) => !known.has(key))).toEqual([]);
  });

  it('can be ordered: its cycles of tables, functions, defaults and keys are cut into objects of their own', () => {
    expect(sortByNeeds(source.objects).cycles).toEqual([]);
  });

  it('is the same from one reading to the next, and for a role without any right of its own', async () => {
    await nasty.script('create role onlooker login bypassrls; grant pg_read_all_data to onlooker');
    const again = await readIn(nasty);
    const onlooker = await open('nasty', 'onlooker');
    expect((await readIn(onlooker)).objects).toEqual(again.objects);
    expect(again.tables.every((table) => table.readable)).toBe(true);
    await nasty.script('revoke pg_read_all_data from onlooker');
    expect((await readIn(onlooker)).tables.every((table) => !table.readable || table.schema === 'public')).toBe(true);
    await nasty.script('drop role onlooker');
    expect(differences(source, await readIn(nasty))).toEqual([]);
  });

  it('never holds an oid, and hides what looks like a secret', () => {
    const token = source.objects.find((object) => object.identity === 'nasty_owner here app.token');
    expect(token?.definition).toMatch(/^app\.token = \(hidden, sha256 [0-9a-f]{16}\)$/);
    expect(source.objects.filter((object) => object.definition.includes('hidden_value'))).toEqual([]);
  });

  it('refuses to be read outside of a transaction, where settings would not hold', async () => {
    await expect(readCatalog(nasty, { schemas: 'all-user' })).rejects.toMatchObject({ code: 'BUG' });
  });

  it('reads only the schemas asked for', async () => {
    const some = await readIn(nasty, ['Own Schema', 'no such schema']);
    expect(some.tables.map((table) => table.identity)).toEqual(['"Own Schema"."Odd.Table"']);
    const schemas = new Set(some.objects.map((object) => object.schema));
    expect(schemas).toEqual(new Set([null, 'Own Schema']));
  });
});

describe('a copy made from the list', () => {
  it('reads the same, whatever the target gives away by default, and can be taken away again', async () => {
    const copy = await create('copy');
    await copy.script(GENEROUS);
    const before = await readIn(copy);
    await makeAll(copy, source, before);
    const after = await readIn(copy);
    const own = before.objects.filter((object) => object.kind === 'default-privileges').map((o) => `+ ${objectKey(o)}`);
    expect(differences(source, after)).toEqual(own.toSorted());
    expect(after.sequences).toEqual(source.sequences);
    // A child of classic inheritance may have its columns in another order.
    const shape = (catalog: Catalog): unknown =>
      catalog.tables.map(({ estimatedRows: _rows, dataBytes: _data, indexBytes: _index, ...table }) => ({
        ...table,
        columns: table.columns.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      }));
    expect(shape(after)).toEqual(shape(source));

    const roles = { ...before, objects: [...before.objects, ...after.objects.filter(isShared)] };
    await dropAll(copy, after, roles);
    const left = differences(before, await readIn(copy)).filter((line) => !line.startsWith('~ grant schema public'));
    expect(left).toEqual([]);
  });

  it('has a source whose roles can be made from the list as well', async () => {
    const shared = source.objects.filter((object) => isShared(object) && object.kind !== 'extension');
    await create('empty');
    const admin = await open('empty', 'postgres');
    const renamed = shared.map(
      (object) => JSON.parse(JSON.stringify(object).replaceAll('nasty_', 'other_')) as typeof object,
    );
    const other = { ...source, objects: renamed.filter((object) => JSON.stringify(object).includes('other_')) };
    const before = await readIn(admin);
    await makeAll(admin, other, before);
    const after = await readIn(admin);
    const made = after.objects.filter((object) => other.objects.some((o) => objectKey(o) === objectKey(object)));
    expect(made.map(({ identity, definition }) => ({ identity, definition }))).toEqual(
      other.objects.map(({ identity, definition }) => ({ identity, definition })),
    );
    await dropAll(admin, other, before);
    expect(differences(before, await readIn(admin))).toEqual([]);
  });
});

/** Things of the whole server, which two databases of one cluster cannot have twice. */
function isShared({ kind, identity }: { kind: string; identity: string }): boolean {
  return !identity.includes(' here ') && ['role', 'role-membership', 'role-setting'].includes(kind);
}

describe('one change', () => {
  it.each(CHANGES)('%s', async (change, told) => {
    await nasty.script('begin');
    try {
      await nasty.script(change);
      expect(differences(source, await readCatalog(nasty, { schemas: 'all-user' }))).toEqual(told.toSorted());
    } finally {
      await nasty.script('rollback');
    }
  });
});

describe('facts for the copy', () => {
  const table = (identity: string): Catalog['tables'][number] | undefined =>
    source.tables.find((each) => each.identity === identity);

  it('tells what lies below a column', () => {
    const orders = new Map(table('app.orders')?.columns.map((column) => [column.name, column]));
    expect(orders.get('Weird " Name')).toMatchObject({
      type: 'app.moods',
      base: { kind: 'array', builtin: false, element: { kind: 'enum', name: 'mood', builtin: false } },
    });
    expect(orders.get('place')?.base).toMatchObject({ kind: 'composite', name: 'point3' });
    expect(orders.get('spans')?.base).toMatchObject({
      kind: 'multirange',
      element: { kind: 'range', element: { name: 'float8', builtin: true } },
    });
    expect(orders.get('share')?.base).toMatchObject({ kind: 'base', name: 'numeric', builtin: true });
    expect(orders.get('total')).toMatchObject({ generated: true, type: 'numeric' });
    const odd = table('"Own Schema"."Odd.Table"')?.columns;
    expect(odd?.find((column) => column.name === 'Tab\tname')?.deterministicCollation).toBe(false);
    expect(odd?.map((column) => column.identity).slice(0, 3)).toEqual(['always', 'by default', null]);
  });

  it('tells keys, sizes, owners and sequences', () => {
    expect(table('app.events')).toMatchObject({
      kind: 'partitioned',
      primaryKey: ['id', 'at', 'region'],
      dataBytes: 0,
    });
    expect(table('app.bookings')?.primaryKey).toEqual(['id']);
    expect(table('app.users')).toMatchObject({ owner: 'nasty_owner', rowSecurity: true, forceRowSecurity: false });
    expect(table('app.orders')?.dataBytes).toBeGreaterThan(8192);
    expect(table('public.empty')?.columns).toEqual([]);
    expect(source.sequences.find((each) => each.identity === 'app.orders_id_seq')).toEqual({
      identity: 'app.orders_id_seq',
      schema: 'app',
      ownedBy: { table: 'app.orders', column: 'id' },
      increment: '10',
    });
  });

  it('can add any one column to a table that lacks it', async () => {
    await nasty.script('begin');
    try {
      for (const column of table('app.users')?.columns ?? []) {
        await nasty.script(`alter table app.users drop column ${JSON.stringify(column.name)} cascade`);
        await nasty.script('set local session_replication_role = replica; truncate app.users cascade');
        await nasty.script(column.add);
      }
      const after = await readCatalog(nasty, { schemas: ['app'] });
      const users = after.tables.find((each) => each.identity === 'app.users');
      expect(users?.columns).toEqual(table('app.users')?.columns);
    } finally {
      await nasty.script('rollback');
    }
  });
});

describe('what has no statement', () => {
  it('is named with a reason', async () => {
    const odd = await create('odd');
    await odd.script(`
      create schema app;
      create function app.plus(int, int) returns int language internal immutable as 'int4pl';
      create operator class app.backwards for type int using btree as operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(int, int);
      create foreign data wrapper nowhere;
      create server far foreign data wrapper nowhere;
      create user mapping for anon server far;
      create foreign table app.remote (id int) server far;
      create table app.broken (a int); insert into app.broken values (1), (1);
      create type app.base; create function app.base_in(cstring) returns app.base language internal immutable strict as 'textin';
      create function app.base_out(app.base) returns cstring language internal immutable strict as 'textout';
      create type app.base (input = app.base_in, output = app.base_out, like = text);
      create schema realtime; create table realtime.messages (id int); create policy mine on realtime.messages using (true);
      select lo_create(0), lo_create(0)`);
    await odd.script('create unique index concurrently broken_idx on app.broken (a)').catch(() => undefined);
    const { unsupported, tables } = await readIn(odd);
    expect(unsupported.map((each) => each.what)).toEqual([
      '2 large objects',
      'base type app.base',
      'foreign data wrapper nowhere',
      'foreign server far',
      'foreign table app.remote',
      'function app.base_in(cstring)',
      'function app.base_out(app.base)',
      'function app.plus(integer,integer)',
      'index app.broken_idx',
      'operator class app.backwards',
      'policy mine on realtime.messages',
      'user mapping of anon on far',
    ]);
    expect(unsupported.every((each) => each.why.length > 10)).toBe(true);
    expect(tables.find((each) => each.identity === 'app.remote')?.kind).toBe('foreign');
    expect((await readIn(nasty)).unsupported).toEqual([]);
  });
});

/** No binaries of these come with the embedded Postgres, and the webhook calls a function of the platform's. */
const MISSING_EXTENSIONS = ['pg_cron', 'pg_graphql', 'pg_net', 'supabase_vault'].map((name) => `extension ${name}`);
const WEBHOOK = `trigger "order webhook" on app_private."Order Items ""2026"""`;

describe('the stand-in of a hosted project', () => {
  let server: TestCluster;
  let admin: Session;
  const sessions: Session[] = [];

  async function connect(database: string, user?: string): Promise<Session> {
    const address = server.address(database, user === undefined ? {} : { user });
    const session = await Session.open(address, { applicationName: `catalog ${database}` });
    sessions.push(session);
    return session;
  }

  beforeAll(async () => {
    const context = { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
    server = await startTestCluster();
    await server.createDatabase('hosted');
    admin = await connect('hosted');
    await buildStandinSource(admin, { rows: 5000, seed: 3 }, context);
  });

  afterAll(async () => {
    for (const session of sessions) await session.close();
    await server?.stop();
  });

  it('reads the same as its own owner and as a superuser', async () => {
    const hosted = await readIn(await connect('hosted', 'postgres'));
    expect(hosted.objects).toEqual((await readIn(admin)).objects);
    expect(sortByNeeds(hosted.objects).cycles).toEqual([]);
  });

  it('is rebuilt from its catalogue beside the platform that the target has', async () => {
    const hosted = await readIn(await connect('hosted', 'postgres'));
    await server.createDatabase('copy');
    const copy = await connect('copy');
    await applyTemplates(copy, 'platform');
    const before = await readIn(copy);
    const failed: string[] = [];
    await makeAll(copy, hosted, before, (object) => failed.push(objectKey(object)));
    expect(failed).toEqual([...MISSING_EXTENSIONS, WEBHOOK]);
    const told = differences(hosted, await readIn(copy));
    expect(told.filter((line) => line.startsWith('-'))).toEqual(
      [...MISSING_EXTENSIONS, WEBHOOK].map((key) => `- ${key}`),
    );
    // What the target has more, or newer, is the platform's alone.
    const rest = told.filter((line) => !line.startsWith('-'));
    expect(rest.filter((line) => !/ (auth|storage)\./.test(line))).toEqual([]);
  });
});

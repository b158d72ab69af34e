import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type Answer, type RestServer } from '../support/rest.ts';

// What settings in the database, roles and preferences change about every request.
const SCHEMA = `
create schema north; create schema south; create schema tools;
create table north.places (id int primary key, name text);
create table south.places (id int primary key, title text);
create table south.only_here (id int primary key, place int references south.places);
insert into north.places values (1, 'N');
insert into south.places values (1, 'S');
insert into south.only_here values (1, 1);
create function north.where_am_i() returns text language sql stable as $$ select 'north' $$;
create function south.where_am_i() returns text language sql stable as $$ select current_setting('search_path') $$;
create function tools.helper() returns text language sql immutable as $$ select 'helped' $$;
create function north.uses_helper() returns text language plpgsql stable as $$ begin return helper(); end $$;
create function north.setting(name text) returns text language sql stable as $$ select current_setting(name, true) $$;
create function north.who() returns text language sql stable as $$ select current_user::text $$;
create sequence north.tries;
create function north.falters(times int) returns bigint language plpgsql as $$
  declare try bigint := nextval('north.tries'); begin
    if try < times then raise serialization_failure using message = 'again'; end if; return try; end $$;
create function public.before_all() returns void language plpgsql as $$ begin
  perform set_config('pgrst.db_max_rows', '1', true); end $$;
create role guest; grant guest to authenticator;
create role careful; grant careful to authenticator;
alter role careful set default_transaction_isolation = 'repeatable read';
alter role careful set work_mem = '7MB';
grant usage on schema north, south, tools to anon, guest, careful;
grant all on all tables in schema north, south to anon, guest, careful;
grant usage on all sequences in schema north to anon;`;

/** It says no more than who asks: nobody. */
const OPAQUE = { key: 'sb_publishable_nobody', role: 'anon' };
let server: RestServer;

beforeAll(async () => {
  const rest = { schemas: ['north', 'south'], extraSearchPath: ['public'] };
  const api = { host: '127.0.0.1', port: 0, publicUrl: undefined, cors: ['*'] };
  server = await startRestServer('', { rest, api }, async (admin) => admin.script(SCHEMA), [OPAQUE]);
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);

/** Sets what is told, and takes it back when the check is over. */
async function withSettings(settings: Record<string, string>, check: () => Promise<void>): Promise<void> {
  const told = "notify pgrst, 'reload config'; notify pgrst, 'reload schema'";
  const names = Object.keys(settings);
  await server.sql(
    `${names.map((name) => `alter role authenticator set ${name} = '${settings[name]}'`).join('; ')}; ${told}`,
  );
  try {
    await check();
  } finally {
    await server.sql(`${names.map((name) => `alter role authenticator reset ${name}`).join('; ')}; ${told}`);
  }
}

/** Settings and schemas are read again some time after the database told of them. */
async function expectSoon(ask: () => Promise<Answer>, wanted: unknown): Promise<void> {
  await expect.poll(async () => (await ask()).json, { timeout: 10_000 }).toEqual(wanted);
}

describe('schemas', () => {
  cases({
    'the first one, or the one asked for': [
      { ask: '/places', json: [{ id: 1, name: 'N' }], has: { 'content-profile': 'north' } },
      {
        ask: '/places',
        headers: { 'accept-profile': 'south' },
        json: [{ id: 1, title: 'S' }],
        has: { 'content-profile': 'south' },
      },
      { ask: '/places', method: 'HEAD', headers: { 'accept-profile': 'south' }, has: { 'content-profile': 'south' } },
      { ask: '/places', headers: { 'content-profile': 'south' }, json: [{ id: 1, name: 'N' }] },
      { ask: '/only_here', status: 404, error: { code: 'PGRST205' } },
      {
        ask: '/only_here?select=places(title)',
        headers: { 'accept-profile': 'south' },
        json: [{ places: { title: 'S' } }],
      },
    ],
    'writes name it in another header': [
      {
        ask: '/places',
        method: 'POST',
        headers: { 'content-profile': 'south', prefer: 'return=representation' },
        body: { id: 2, title: 'S2' },
        status: 201,
        json: [{ id: 2, title: 'S2' }],
        has: { 'content-profile': 'south' },
      },
      {
        ask: '/places?id=eq.2',
        method: 'PATCH',
        headers: { 'content-profile': 'south' },
        body: { title: 'x' },
        status: 204,
      },
      { ask: '/places?id=eq.2', method: 'DELETE', headers: { 'content-profile': 'south' }, status: 204 },
      {
        ask: '/places',
        method: 'POST',
        headers: { 'accept-profile': 'south' },
        body: { id: 2, title: 'S2' },
        error: { code: 'PGRST204' },
      },
    ],
    'functions too': [
      { ask: '/rpc/where_am_i', json: 'north' },
      { ask: '/rpc/where_am_i', headers: { 'accept-profile': 'south' }, json: '"south", "public"' },
      {
        ask: '/rpc/where_am_i',
        method: 'POST',
        headers: { 'content-profile': 'south' },
        body: {},
        json: '"south", "public"',
      },
    ],
    'none but those': [
      {
        ask: '/places',
        headers: { 'accept-profile': 'tools' },
        status: 406,
        json: {
          code: 'PGRST106',
          message: 'Invalid schema: tools',
          details: null,
          hint: 'Only the following schemas are exposed: north, south',
        },
      },
      {
        ask: '/rpc/helper',
        method: 'POST',
        headers: { 'content-profile': 'tools' },
        body: {},
        status: 406,
        error: { code: 'PGRST106' },
      },
    ],
  });
});

describe('pages of any origin', () => {
  const origin = 'https://any.example';
  cases({
    'may call, and read what the answer tells': [
      {
        ask: '/places',
        headers: { origin },
        has: {
          'access-control-allow-origin': '*',
          'access-control-allow-credentials': null,
          vary: 'Accept, Prefer, Range',
        },
      },
      { ask: '/places', has: { 'access-control-allow-origin': null } },
    ],
    'are told so when they ask first': {
      ask: '/nowhere',
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'Foo,Bar' },
      text: '',
      has: {
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD',
        'access-control-allow-headers': 'Authorization, Foo, Bar',
        'access-control-max-age': '86400',
      },
    },
  });
});

describe('how a request ends', () => {
  const modes = [
    { mode: 'commit', rows: 3, kept: [true, true, true], applied: [null, null] },
    { mode: 'commit-allow-override', rows: 4, kept: [true, true, false], applied: ['tx=commit', 'tx=rollback'] },
    { mode: 'rollback', rows: 5, kept: [false, false, false], applied: [null, null] },
    { mode: 'rollback-allow-override', rows: 6, kept: [false, true, false], applied: ['tx=commit', 'tx=rollback'] },
  ] as const;
  test.each(modes)('$mode', async ({ mode, rows, kept, applied }) => {
    await withSettings({ 'pgrst.db_tx_end': mode, 'pgrst.db_max_rows': String(rows) }, async () => {
      // The number of rows tells when the settings hold.
      await server.sql(
        'delete from north.places where id > 1; insert into north.places select g from generate_series(50, 60) g',
      );
      await expect
        .poll(async () => ((await server.ask('/places')).json as unknown[]).length, { timeout: 10_000 })
        .toBe(rows);
      const seen = [];
      for (const [at, prefer] of ['', 'tx=commit', 'tx=rollback'].entries()) {
        const id = 10 + at;
        const headers = { 'content-type': 'application/json', prefer };
        const answer = await server.ask('/places', { method: 'POST', body: `{"id":${id}}`, headers });
        expect(answer.status).toBe(201);
        const found = (await server.ask(`/places?id=eq.${id}`)).json as unknown[];
        seen.push([found.length === 1, answer.headers.get('preference-applied')]);
      }
      expect(seen).toEqual([
        [kept[0], null],
        [kept[1], applied[0]],
        [kept[2], applied[1]],
      ]);
    });
    await server.sql('delete from north.places where id > 1');
  });
});

describe('settings in the database', () => {
  test('who asks without a token', async () => {
    const who = () => server.ask('/rpc/who', { headers: { apikey: OPAQUE.key } });
    await withSettings({ 'pgrst.db_anon_role': 'guest' }, async () => {
      await expectSoon(who, 'guest');
      // A token that names a role is obeyed.
      expect((await server.ask('/rpc/who')).json).toBe('anon');
    });
    await expectSoon(who, 'anon');
  });

  test('a function that makes settings of its own', async () => {
    await server.sql('insert into north.places select g from generate_series(70, 72) g');
    await withSettings({ 'pgrst.db_pre_config': 'public.before_all' }, async () => {
      await expect
        .poll(async () => ((await server.ask('/places')).json as unknown[]).length, { timeout: 10_000 })
        .toBe(1);
    });
    await server.sql('delete from north.places where id > 1');
  });

  test('aggregates, plans, timing, search path and schemas', async () => {
    const timed = async () => (await server.ask('/places')).headers.get('server-timing');
    expect(await timed()).toBeNull();
    expect((await server.ask('/rpc/uses_helper')).json).toMatchObject({ code: '42883' });
    await withSettings(
      {
        'pgrst.db_aggregates_enabled': 'true',
        'pgrst.db_plan_enabled': 'true',
        'pgrst.server_timing_enabled': 'true',
        'pgrst.db_extra_search_path': 'public, tools',
        'pgrst.db_schemas': 'north, tools',
      },
      async () => {
        await expectSoon(() => server.ask('/places?select=id.count()'), [{ count: 1 }]);
        const plan = await server.ask('/places', { headers: { accept: 'application/vnd.pgrst.plan' } });
        expect(plan.text).toContain('cost=');
        expect(await timed()).toMatch(/^jwt;dur=.*, response;dur=/);
        expect((await server.ask('/rpc/uses_helper')).json).toBe('helped');
        expect((await server.ask('/rpc/helper', { headers: { 'accept-profile': 'tools' } })).json).toBe('helped');
        expect((await server.ask('/places', { headers: { 'accept-profile': 'south' } })).status).toBe(406);
      },
    );
    await expect.poll(timed, { timeout: 10_000 }).toBeNull();
  });

  test('values for the functions of the application', async () => {
    await withSettings({ 'pgrst.app.settings.colour': 'blue' }, async () => {
      await expectSoon(() => server.ask('/rpc/setting?name=app.settings.colour'), 'blue');
    });
  });
});

describe('roles', () => {
  test('bring their own settings, and their isolation', async () => {
    const headers = { authorization: `Bearer ${server.token({ role: 'careful' })}` };
    const setting = async (name: string) => (await server.ask(`/rpc/setting?name=${name}`, { headers })).json;
    expect([await setting('transaction_isolation'), await setting('work_mem')]).toEqual(['repeatable read', '7MB']);
    expect((await server.ask('/rpc/setting?name=transaction_isolation')).json).toBe('read committed');
    expect((await server.ask('/rpc/setting?name=work_mem')).json).not.toBe('7MB');
  });
});

describe('a schema that changes', () => {
  test('is read anew for what nobody knew of', async () => {
    await server.sql(`create table north.fresh (id int primary key, place int references north.places);
      insert into north.fresh values (1, 1); grant select on north.fresh to anon;
      create function north.fresh_call() returns int language sql as 'select 5'`);
    // No one was told: a miss is reason enough, once a second at most.
    await expectSoon(() => server.ask('/fresh?select=id,places(name)'), [{ id: 1, places: { name: 'N' } }]);
    await expectSoon(() => server.ask('/rpc/fresh_call'), 5);
  });
});

describe('transactions that cannot be serialised', () => {
  test('are tried again, and not for ever', async () => {
    const call = (times: number) =>
      server.ask('/rpc/falters', {
        method: 'POST',
        body: `{"times":${times}}`,
        headers: { 'content-type': 'application/json' },
      });
    expect(await call(3)).toMatchObject({ status: 200, json: 3 });
    expect(await call(1_000)).toMatchObject({ status: 500, json: { code: '40001', message: 'again' } });
  });
});

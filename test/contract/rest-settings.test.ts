import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest.sql'), {
    rest: { schemas: ['public'], txEnd: 'rollback', serverTiming: true },
  });
});
afterAll(() => server?.stop());

const reloaded = async (statements: string): Promise<void> =>
  server.sql(`${statements}; notify pgrst, 'reload config'; notify pgrst`);
const status = async (target: string) => (await server.ask(target)).status;

test('by default aggregates, plans and another end are not to be had', async () => {
  expect((await server.ask('/projects?select=id.count()')).json).toMatchObject({ code: 'PGRST123' });
  expect(await server.supabase.from('projects').select().explain()).toMatchObject({ error: { code: 'PGRST107' } });
  const kept = await server.ask('/clients', {
    method: 'POST',
    body: '{"id":9,"name":"x"}',
    headers: { 'content-type': 'application/json', prefer: 'tx=commit, return=representation' },
  });
  expect([kept.status, kept.json]).toMatchObject([201, [{ id: 9 }]]);
  expect((await server.ask('/clients?id=eq.9')).json).toEqual([]);
});

test('settings on the connection role stand over the file', async () => {
  await reloaded(
    `alter role authenticator set pgrst.db_max_rows = '2'; alter role authenticator set pgrst.db_aggregates_enabled = 'true'`,
  );
  await expect.poll(() => status('/projects?select=id.count()')).toBe(200);
  expect(
    (await server.ask('/projects?select=id', { headers: { prefer: 'count=exact' } })).headers.get('content-range'),
  ).toBe('0-1/5');
  expect((await server.ask('/projects?select=id', { headers: { prefer: 'count=estimated' } })).status).toBe(206);
});

test('a function before each request sees it, and can refuse it', async () => {
  await reloaded(`
    create function check_request() returns void language plpgsql as $$ begin
      if current_setting('request.headers')::json->>'x-refuse' is not null then
        raise sqlstate 'PT429' using message = 'Slow down';
      end if; end $$;
    alter role authenticator set pgrst.db_pre_request = 'public.check_request'`);
  await expect.poll(async () => (await server.ask('/projects', { headers: { 'x-refuse': '1' } })).status).toBe(429);
  expect(await status('/projects')).toBe(200);
});

test('settings of the role that asks hold for its requests', async () => {
  await reloaded(`alter role anon set statement_timeout = '50ms'`);
  await expect.poll(async () => (await server.ask('/rpc/slow?s=2')).json).toMatchObject({ code: '57014' });
});

test('preflight, request ids and timing', async () => {
  const asked = await server.ask('/projects', {
    method: 'OPTIONS',
    headers: {
      origin: 'https://a.example',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'apikey, prefer, x-retry-count',
    },
  });
  expect([asked.status, asked.headers.get('access-control-allow-headers')]).toEqual([
    200,
    'Authorization, apikey, prefer, x-retry-count',
  ]);
  const answer = await server.ask('/projects', { headers: { 'x-request-id': 'mine-1', origin: 'https://a.example' } });
  expect(answer.headers.get('x-request-id')).toBe('mine-1');
  expect(answer.headers.get('server-timing')).toMatch(
    /^jwt;dur=[\d.]+, parse;dur=[\d.]+, plan;dur=[\d.]+, transaction;dur=[\d.]+, response;dur=[\d.]+$/,
  );
  expect(answer.headers.get('access-control-expose-headers')).toContain('content-range');
  await expect
    .poll(() => server.daemon.log().find(({ requestId }) => requestId === 'mine-1'))
    .toMatchObject({ method: 'GET', path: '/rest/v1/projects', status: 200 });
  expect(server.daemon.stderr()).not.toContain(server.keys.anonKey);
});

test('a long list fits', async () => {
  const { data, error } = await server.supabase
    .from('projects')
    .select('id')
    .in(
      'id',
      Array.from({ length: 5000 }, (_, at) => at + 1),
    );
  expect([error, data?.length]).toEqual([null, 2]);
});

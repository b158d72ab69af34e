import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import jwt from 'jsonwebtoken';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(
    assetPath('test', 'fixtures', 'rest.sql'),
    { rest: { schemas: ['public'] } },
    undefined,
    [
      { key: 'sb_publishable_a', role: 'anon' },
      { key: 'sb_secret_b', role: 'service_role' },
    ],
  );
});
afterAll(() => server?.stop());

const now = () => Math.floor(Date.now() / 1000);
const bearer = (token: string) => server.ask('/rpc/who', { headers: { authorization: `Bearer ${token}` } });

describe('who asks', () => {
  test('the key alone, the service key, a user', async () => {
    const role = async (options: Parameters<RestServer['client']>[0]) => (await server.client(options).rpc('who')).data;
    expect(await role({})).toBe('anon');
    expect(await role({ key: server.keys.serviceRoleKey })).toBe('service_role');
    const token = server.token({ role: 'authenticated', sub: 'u1', exp: now() + 60 });
    expect(await role({ token })).toBe('authenticated');
    expect((await server.client({ token }).rpc('claims')).data).toMatchObject({ sub: 'u1', role: 'authenticated' });
  });

  test('opaque keys stand for their role, and never in place of a user', async () => {
    const role = async (options: Parameters<RestServer['client']>[0]) => (await server.client(options).rpc('who')).data;
    expect(await role({ key: 'sb_publishable_a' })).toBe('anon');
    expect(await role({ key: 'sb_secret_b' })).toBe('service_role');
    const token = server.token({ role: 'authenticated', exp: now() + 60 });
    expect(await role({ key: 'sb_publishable_a', token })).toBe('authenticated');
    const alone = await fetch(`${server.daemon.url}/rest/v1/projects`, {
      headers: { authorization: 'Bearer sb_secret_b' },
    });
    expect(alone.status).toBe(401);
  });

  test('no key and a wrong key', async () => {
    const bare = await fetch(`${server.daemon.url}/rest/v1/projects`);
    expect([bare.status, await bare.json()]).toMatchObject([401, { message: 'No API key found in request' }]);
    const wrong = await server.ask('/projects', { headers: { apikey: 'sb_publishable_wrong' } });
    expect([wrong.status, wrong.json]).toMatchObject([401, { message: 'Invalid API key' }]);
    const inUrl = await fetch(`${server.daemon.url}/rest/v1/projects?select=id&limit=1&apikey=${server.keys.anonKey}`);
    expect(inUrl.status).toBe(200);
  });

  test('refused for what it may not do: 401 asks for a login, 403 forbids', async () => {
    expect((await server.ask('/denied')).status).toBe(401);
    const token = server.token({ role: 'authenticated', exp: now() + 60 });
    const forbidden = await server.ask('/denied', { headers: { authorization: `Bearer ${token}` } });
    expect([forbidden.status, forbidden.json]).toMatchObject([403, { code: '42501' }]);
  });
});

describe('tokens that are no good', () => {
  const sign = (claims: object, secret = server.keys.jwtSecret, algorithm: jwt.Algorithm = 'HS256') =>
    jwt.sign(claims, secret, { algorithm, ...('iat' in claims ? {} : { noTimestamp: true }) });
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"role":"service_role"}').toString('base64url')}.`;

  test.each([
    ['expired', () => sign({ role: 'authenticated', exp: now() - 60 }), 'PGRST303', 'JWT expired'],
    ['not yet valid', () => sign({ role: 'authenticated', nbf: now() + 600 }), 'PGRST303', 'JWT not yet valid'],
    ['from the future', () => sign({ role: 'authenticated', iat: now() + 600 }), 'PGRST303', 'JWT issued at future'],
    [
      'signed by another',
      () => sign({ role: 'service_role' }, 'x'.repeat(40)),
      'PGRST301',
      'No suitable key or wrong key type',
    ],
    ['unsigned', () => none, 'PGRST301', 'Wrong or unsupported encoding algorithm'],
    [
      'of another algorithm',
      () => sign({ role: 'anon' }, undefined, 'HS512'),
      'PGRST301',
      'Wrong or unsupported encoding algorithm',
    ],
    ['not a token', () => 'abc', 'PGRST301', 'Expected 3 parts in JWT; got 1'],
  ])('%s', async (_name, token, code, message) => {
    const answer = await bearer(token());
    expect(answer.json).toMatchObject({ code, message });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain(`error_description="${message}"`);
  });

  test('a role that is not there, or not to be had', async () => {
    expect((await bearer(sign({ role: 'nobody' }))).status).toBe(401);
    expect((await bearer(sign({ role: 'postgres' }))).status).toBe(403);
    expect((await bearer(sign({ role: 'anon"; drop table secrets; --' }))).status).toBe(401);
  });
});

test('interleaved users see their own rows only', async () => {
  const users = ['u1', 'u2'].map((sub) => ({
    sub,
    authorization: `Bearer ${server.token({ role: 'authenticated', sub, exp: now() + 600 })}`,
  }));
  for (let round = 0; round < 40; round++) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const { sub, authorization } = users[at % 2] ?? { sub: '', authorization: '' };
        const { json } = await server.ask('/secrets?select=owner', { headers: { authorization } });
        return { sub, owners: (json as Array<{ owner: string }>).map(({ owner }) => owner) };
      }),
    );
    for (const { sub, owners } of answers) expect(owners).toEqual(sub === 'u1' ? ['u1', 'u1'] : ['u2']);
  }
});

test('the database away and back', async () => {
  await server.cluster.kill('SIGKILL');
  const away = await server.ask('/projects');
  expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
  // The server's goodbye to a connection, or no connection at all.
  expect(['57P01', 'PGRST000']).toContain((away.json as { code: string }).code);
  await server.cluster.restart();
  await expect.poll(async () => (await server.ask('/projects')).status, { timeout: 10_000 }).toBe(200);
});

test('a client that goes away cancels its query', async () => {
  const gone = new AbortController();
  const asked = server.ask('/rpc/slow?s=30', {
    headers: { apikey: server.keys.serviceRoleKey },
    signal: gone.signal,
  });
  const running = async () => {
    const { json } = await server.ask('/rpc/running', { headers: { apikey: server.keys.serviceRoleKey } });
    return json;
  };
  await server.sql(
    `create function running() returns int language sql stable security definer as $$ select count(*)::int from pg_stat_activity where query like '%pgrst_source%slow%' and state = 'active' and pid <> pg_backend_pid() $$; notify pgrst`,
  );
  await expect.poll(running, { timeout: 5_000 }).toBe(1);
  gone.abort();
  await expect(asked).rejects.toThrow('aborted');
  await expect.poll(running, { timeout: 5_000 }).toBe(0);
});

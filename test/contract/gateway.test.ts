import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { newOpaqueKey } from '../../src/foundation/crypto/api-keys.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { startDaemon, type RunningDaemon } from '../support/daemon.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

const LIMIT = 50;
/** A key for each test: what one uses up, the next one has. */
const keys = Array.from({ length: 4 }, () => newOpaqueKey('publishable', 'r', 'test', Date.now()).key);
const [first = '', second = '', third = '', fourth = ''] = keys;
const apiKeys = keys.map((key) => ({ key, role: 'anon' }));

let server: RestServer;
let other: RunningDaemon;

beforeAll(async () => {
  const api = { host: '127.0.0.1', port: 0, publicUrl: undefined, cors: ['https://a.example'] };
  server = await startRestServer(
    assetPath('test', 'fixtures', 'rest.sql'),
    {
      rest: { schemas: ['public'], workers: 2 },
      limits: { requestsPerKey: LIMIT, requestsPerAddress: LIMIT },
      apiKeys,
    },
    async (admin) => {
      await applyTemplates(admin, 'gateway');
    },
  );
  other = await startDaemon({
    database: server.cluster.address('rest', { user: 'authenticator' }),
    more: {
      apiKeys,
      limits: { requestsPerKey: LIMIT, requestsPerAddress: LIMIT },
      api: { ...api, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] },
    },
  });
});
afterAll(async () => {
  other?.process.kill('SIGTERM');
  await other?.exited;
  await server?.stop();
});

const ask = async (url: string, headers: Record<string, string>, path = '/clients?id=eq.1') => {
  const response = await fetch(`${url}/rest/v1${path}`, { headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: JSON.parse(text) as unknown };
};

describe('rate limits', () => {
  test('two daemons, one of two workers, let one key through as often as a single one would', async () => {
    const began = performance.now();
    const answers = await Promise.all(
      Array.from({ length: LIMIT * 3 }, (_, at) => ask(at % 2 ? server.daemon.url : other.url, { apikey: first })),
    );
    const seconds = (performance.now() - began) / 1_000;
    const statuses = answers.map(({ status }) => status);
    const through = statuses.filter((status) => status === 200).length;
    // A bucket of fifty is exact: what one would let through, and what flowed in meanwhile.
    expect(through).toBeGreaterThanOrEqual(LIMIT);
    expect(through).toBeLessThanOrEqual(LIMIT + Math.ceil((seconds * LIMIT) / 60));
    expect(statuses.filter((status) => status === 429)).toHaveLength(LIMIT * 3 - through);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.json).toEqual({
      code: 'PT429',
      message: 'Too many requests',
      details: null,
      hint: expect.stringMatching(/^Try again in \d+ seconds?\.$/) as string,
    });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await ask(server.daemon.url, { apikey: second })).status).toBe(200);
  });

  test('without a key the address counts; only a trusted proxy may name another', async () => {
    /** How many of as many requests as a full bucket holds are refused for being too many. */
    const refused = async (url: string, chain: string, headers: Record<string, string> = {}) => {
      const knock = async () => (await ask(url, { ...headers, 'x-forwarded-for': chain })).status;
      const statuses = await Promise.all(Array.from({ length: LIMIT }, knock));
      return statuses.filter((status) => status === 429).length;
    };
    // The client may write what it likes: the rightmost address that is no proxy of ours counts.
    expect(await refused(other.url, '6.6.6.6, 203.0.113.1, 10.0.0.9')).toBe(0);
    expect(await refused(other.url, '7.7.7.7, 203.0.113.1')).toBeGreaterThan(LIMIT / 2);
    expect(await refused(other.url, '203.0.113.1, 203.0.113.2')).toBe(0);
    expect(await refused(other.url, '203.0.113.1', { apikey: second })).toBeLessThan(LIMIT / 2);
    // Without trusted proxies the socket's address counts, whatever the header says.
    expect(await refused(server.daemon.url, '203.0.113.1')).toBe(0);
    expect(await refused(server.daemon.url, '9.9.9.9')).toBeGreaterThan(LIMIT / 2);
  });

  test('the unchanged client sees an error of the usual shape', async () => {
    const client = createClient(server.daemon.url, third, { realtime: { transport: Object as never } });
    const answers = await Promise.all(Array.from({ length: LIMIT + 10 }, () => client.from('clients').select('id')));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused).toMatchObject({ error: { code: 'PT429', message: 'Too many requests' }, data: null });
  });
});

describe('what is logged', () => {
  test('each answer has an id; a sane one of the client is kept', async () => {
    const given = (await ask(server.daemon.url, { apikey: fourth, 'x-request-id': 'abc-1.2_3' })).headers;
    expect(given.get('x-request-id')).toBe('abc-1.2_3');
    const odd = (await ask(server.daemon.url, { apikey: fourth, 'x-request-id': 'a b"}' })).headers;
    expect(odd.get('x-request-id')).toMatch(/^[\w-]{36}$/);
    for (const path of ['/nowhere', '/rest/v1/', '/healthz']) {
      expect((await fetch(server.daemon.url + path)).headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
    }
    await expect
      .poll(() => server.daemon.log().find(({ requestId }) => requestId === 'abc-1.2_3'))
      .toMatchObject({ method: 'GET', path: '/rest/v1/clients', status: 200 });
  });

  test('and nothing that is a secret, a value of a query or a row', async () => {
    const canary = `canary-${randomUUID()}`;
    const authorization = `Bearer ${server.token({ role: 'authenticated', canary })}`;
    await ask(
      server.daemon.url,
      { apikey: fourth, authorization, cookie: `c=${canary}` },
      `/clients?name=eq.${canary}`,
    );
    await ask(server.daemon.url, {}, `/clients?apikey=${fourth}&name=eq.${canary}`);
    await ask(server.daemon.url, { apikey: fourth }, `/clients?id=eq.${canary}`);
    const body = JSON.stringify({ id: canary, name: canary });
    const posted = await fetch(`${server.daemon.url}/rest/v1/clients`, {
      method: 'POST',
      body,
      headers: { apikey: fourth, 'content-type': 'application/json', 'x-request-id': 'the-last' },
    });
    expect(posted.status).toBe(400);
    await expect.poll(() => server.daemon.stderr()).toContain('the-last');
    expect(server.daemon.stderr()).not.toContain(canary);
    for (const secret of [fourth, server.keys.anonKey, server.keys.jwtSecret, authorization.slice(7)]) {
      expect(server.daemon.stderr()).not.toContain(secret);
    }
  });
});

/** What is answered to these bytes, until the server closes. */
async function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket
      .setEncoding('utf8')
      .on('data', (chunk: string) => (text += chunk))
      .on('close', () => resolve(text));
  });
}

describe('limits of size', () => {
  const list = (count: number) =>
    `/clients?id=eq.1&name=not.in.(${Array.from({ length: count }, () => randomUUID()).join(',')})`;

  test('a list of 10,000 uuids works', async () => {
    expect(await ask(server.daemon.url, { apikey: fourth }, list(10_000))).toMatchObject({
      status: 200,
      json: [{ id: 1 }],
    });
  });

  test('more than a megabyte is told so, in JSON', async () => {
    const { status, headers, json } = await ask(server.daemon.url, { apikey: fourth }, list(30_000));
    expect(status).toBe(431);
    expect(json).toMatchObject({ code: 'PT431', message: expect.stringContaining('1048576 bytes') as string });
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });

  test('a body of more than 64 MiB is refused before it is read', async () => {
    const { port } = new URL(server.daemon.url);
    const head = `POST /rest/v1/clients HTTP/1.1\r\nHost: x\r\napikey: ${fourth}\r\nContent-Length: 67108865\r\n\r\n`;
    const said = await exchange(Number(port), head);
    expect(said).toMatch(/^HTTP\/1\.1 413 /);
    expect(JSON.parse(said.slice(said.indexOf('{')))).toMatchObject({ code: 'PGRST102' });
  });

  test('what is no HTTP gets an answer all the same', async () => {
    const { port } = new URL(server.daemon.url);
    const said = await exchange(Number(port), 'not http\r\n\r\n');
    expect(said).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(said.slice(said.indexOf('{'))).toBe(
      '{"code":"PT400","details":null,"hint":null,"message":"The request is not HTTP"}',
    );
  });
});

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    fetch(`${server.daemon.url}/rest/v1/clients`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'apikey,authorization,x-client-info,x-retry-count,prefer',
      },
    });

  test('that are listed may call, with cookies and every header of the client', async () => {
    const { status, headers } = await preflight('https://a.example');
    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBe('https://a.example');
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(headers.get('access-control-allow-headers')).toContain('x-retry-count');
    expect(headers.get('access-control-max-age')).toBe('86400');
  });

  test('and the others may not', async () => {
    expect((await preflight('https://b.example')).headers.has('access-control-allow-origin')).toBe(false);
    const { headers } = await ask(server.daemon.url, { apikey: fourth, origin: 'https://b.example' });
    expect(headers.has('access-control-allow-origin')).toBe(false);
  });

  test('see the status and headers of refusals too', async () => {
    const key = { apikey: first, origin: 'https://a.example' };
    const answers = await Promise.all(Array.from({ length: LIMIT + 20 }, () => ask(server.daemon.url, key)));
    const { status, headers } = answers.find((each) => each.status !== 200) ?? {};
    expect(status).toBe(429);
    expect(headers?.get('access-control-allow-origin')).toBe('https://a.example');
    expect(headers?.get('access-control-expose-headers')).toContain('retry-after');
  });
});

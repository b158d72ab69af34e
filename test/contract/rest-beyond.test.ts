/** What goes beyond PostgREST: asked for as such, and never another answer to what PostgREST accepts. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startRestServer, type Answer, type RestServer } from '../support/rest.ts';

let server: RestServer;
let owner: string;
const USER = '11111111-1111-4111-8111-111111111111';

beforeAll(async () => {
  server = await startRestServer('test/fixtures/beyond.sql', { rest: { diagnostics: true } });
  owner = server.token({ role: 'authenticated', sub: USER });
});
afterAll(() => server?.stop());
beforeEach(() =>
  server.sql(
    'truncate customers, orders, order_lines, line_notes, order_tags, tags, members, twofold, deferred, owned cascade',
  ),
);

const batch = async (operations: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  server.ask('/', {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.vectabase.batch+json', ...headers },
    body: typeof operations === 'string' ? operations : JSON.stringify(operations),
  });
const count = async (table: string): Promise<number> => {
  const { headers } = await server.ask(`/${table}?select=*`, {
    method: 'HEAD',
    headers: { apikey: server.keys.serviceRoleKey, prefer: 'count=exact' },
  });
  return Number(headers.get('content-range')?.split('/')[1]);
};

describe('a batch', () => {
  test('runs in one transaction, and answers each operation as alone', async () => {
    const { status, json } = await batch([
      {
        path: '/customers?select=id,total',
        headers: { Prefer: 'return=representation' },
        body: { id: 7, name: 'A', total: 1 },
      },
      {
        method: 'PATCH',
        path: '/customers?id=eq.7',
        headers: { Prefer: 'return=representation' },
        body: { tier: 'gold' },
      },
      { method: 'GET', path: '/customers?select=name,tier' },
      { path: '/rpc/add_customer', body: { name: 'B' } },
      { method: 'DELETE', path: '/customers?id=eq.7' },
      { method: 'GET', path: '/customers?select=name', headers: { Prefer: 'count=exact' } },
    ]);
    expect(status).toBe(200);
    const list = json as Array<{ status: number; headers: Record<string, string>; body: unknown }>;
    expect(list.map((each) => [each.status, each.body])).toEqual([
      [201, [{ id: 7, total: 1 }]],
      [200, [expect.objectContaining({ tier: 'gold', total: 1 })]],
      [200, [{ name: 'A', tier: 'gold' }]],
      [200, expect.any(Number)],
      [204, null],
      [200, [{ name: 'B' }]],
    ]);
    expect(list[5]?.headers['content-range']).toBe('0-0/1');
  });

  test('hands nothing that one operation set on to the next', async () => {
    const upsert = { path: '/tags', headers: { Prefer: 'resolution=merge-duplicates' }, body: { id: 1 } };
    const now = { method: 'GET', path: '/rpc/zone' };
    const { json } = await batch([
      upsert,
      upsert,
      { path: '/rpc/teapot', body: {} },
      { ...now, headers: { Prefer: 'timezone=Asia/Tokyo' } },
      now,
    ]);
    const list = json as Array<{ status: number; headers: Record<string, string>; body: unknown }>;
    expect(list.map(({ status, headers, body }) => [status, headers['x-made'] ?? null, body])).toEqual([
      [201, null, null],
      [200, null, null],
      [218, 'here', null],
      [200, null, 'Asia/Tokyo'],
      [200, null, expect.not.stringContaining('Tokyo')],
    ]);
  });

  test('is undone whole when one operation fails, and says which', async () => {
    const { status, json } = await batch([
      { path: '/customers', body: { id: 1, name: 'A' } },
      { method: 'GET', path: '/customers' },
      { path: '/customers', body: { id: 1, name: 'again' } },
      { path: '/customers', body: { id: 2, name: 'never' } },
    ]);
    expect(status).toBe(409);
    expect(json).toMatchObject({ code: '23505', operation: 2 });
    expect(await count('customers')).toBe(0);
  });

  test('is undone when the database refuses it only at the end', async () => {
    const { status, json } = await batch([{ path: '/deferred', body: { id: 1, other: 2 } }]);
    expect([status, (json as { code: string }).code]).toEqual([409, '23503']);
    const whole = await batch([
      { path: '/deferred', body: { id: 1, other: 2 } },
      { path: '/deferred', body: { id: 2, other: 1 } },
    ]);
    expect(whole.status).toBe(200);
    expect(await count('deferred')).toBe(2);
  });

  test('runs as who asks: row policies hold, refusals are 401 or 403', async () => {
    const rows = [{ path: '/owned', body: { id: 1, owner: USER } }];
    expect(await batch(rows)).toMatchObject({ status: 401, json: { code: '42501', operation: 0 } });
    expect(await batch(rows, { authorization: `Bearer ${owner}` })).toMatchObject({ status: 200 });
    const others = [{ path: '/owned', body: { id: 2, owner: USER.replace('1', '2') } }];
    expect(await batch(others, { authorization: `Bearer ${owner}` })).toMatchObject({
      status: 403,
      json: { code: '42501' },
    });
    expect(await count('owned')).toBe(1);
  });

  test('keeps every digit', async () => {
    const { json } = await batch(
      '[{"path":"/customers?select=total::text","headers":{"Prefer":"return=representation"},"body":{"name":"n","total":12345678901234567890.123456789}}]',
    );
    expect(json).toMatchObject([{ body: [{ total: '12345678901234567890.123456789' }] }]);
  });

  test.each<[string, unknown]>([
    ['not JSON', 'x'],
    ['no list', {}],
    ['empty', []],
    ['too long', Array.from({ length: 101 }, () => ({ path: '/tags' }))],
    ['a batch within', [{ path: '/' }]],
    ['an unknown member', [{ path: '/tags', as: 'service_role' }]],
    ['another identity', [{ path: '/tags', headers: { Authorization: 'Bearer x' } }]],
    ['a method that is none', [{ method: 'TRACE', path: '/tags' }]],
    ['a path that is none', [{ path: 'tags' }]],
    ['null', [null]],
  ])('that is %s is refused', async (_, operations) => {
    expect(await batch(operations)).toMatchObject({ status: 400, json: { code: 'PGRST102' } });
  });

  test('by any other media type is what PostgREST says to it', async () => {
    const answer = await server.ask('/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[]',
    });
    expect(answer).toMatchObject({ status: 405, json: { code: 'PGRST117' } });
  });

  test('leaves its connection clean for whoever comes next', async () => {
    for (let round = 0; round < 30; round++) {
      const [first, second] = await Promise.all([
        batch(
          [
            { method: 'GET', path: '/owned' },
            { path: '/owned', body: { id: round, owner: USER } },
          ],
          { authorization: `Bearer ${owner}` },
        ),
        server.ask('/owned', { headers: {} }),
      ]);
      expect([first.status, second.json]).toEqual([200, []]);
    }
  });
});

describe('an upsert', () => {
  const upsert = async (
    table: string,
    columns: string,
    body: unknown,
    prefer = 'resolution=merge-duplicates',
  ): Promise<Answer> =>
    server.ask(`/${table}?on_conflict=${columns}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: `return=representation,${prefer}` },
      body: JSON.stringify(body),
    });

  test('finds the unique index that covers some rows, where it is the only one', async () => {
    expect(await upsert('members', 'email', { id: 1, email: 'a@x', name: 'one' })).toMatchObject({ status: 201 });
    const second = await upsert('members', 'email', { id: 1, email: 'a@x', name: 'two' });
    expect(second).toMatchObject({ status: 200, json: [{ id: 1, name: 'two' }] });
    expect(await upsert('members', 'email', { id: 5, email: 'a@x' }, 'resolution=ignore-duplicates')).toMatchObject({
      json: [],
    });
    await server.sql('update members set deleted = true');
    expect(await upsert('members', 'email', { id: 2, email: 'a@x', name: 'new' })).toMatchObject({ status: 201 });
    expect(await count('members')).toBe(2);
  });

  test('by a whole key, or where two indexes could be meant, is what PostgREST says', async () => {
    expect(await upsert('members', 'id', { id: 1, email: 'b@x' })).toMatchObject({ status: 201 });
    expect(await upsert('twofold', 'a', { a: 1, b: true })).toMatchObject({ status: 400, json: { code: '42P10' } });
    expect(await upsert('members', 'name', { id: 9, name: 'x' })).toMatchObject({
      status: 400,
      json: { code: '42P10' },
    });
  });
});

describe('OpenAPI 3.1', () => {
  interface Document {
    openapi: string;
    paths: Record<string, Record<string, object>>;
    components: { schemas: Record<string, { properties: Record<string, object>; required?: string[] }> };
  }

  test('is told to who asks for it, with types, nulls, enums and functions', async () => {
    const { status, json, headers } = await server.ask('/', {
      headers: { accept: 'application/vnd.oai.openapi+json', apikey: server.keys.serviceRoleKey },
    });
    expect([status, headers.get('content-type')]).toEqual([
      200,
      'application/vnd.oai.openapi+json;version=3.1; charset=utf-8',
    ]);
    const document = json as Document;
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(Object.keys(document.paths['/orders'] ?? {})).toEqual(['get', 'post', 'patch', 'delete']);
    expect(document.paths['/rpc/add_customer']).toHaveProperty('post');
    const odd = document.components.schemas['odd_u20_name'];
    expect(odd?.properties).toMatchObject({
      id: { type: 'integer', format: 'int32' },
      feeling: { type: ['string', 'null'], enum: ['calm', 'glad', null] },
      at: { type: 'string', format: 'date-time' },
      tags: { type: ['array', 'null'] },
    });
    expect(odd?.required).toEqual(['id']);
    const used = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, place = '']) =>
      place.split('/'),
    );
    const missing = used.filter(
      (place) =>
        place.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document) ===
        undefined,
    );
    expect([used.length > 10, missing]).toEqual([true, []]);
  });

  test('is not what others get', async () => {
    for (const accept of ['application/openapi+json', 'application/json', '*/*']) {
      expect((await server.ask('/', { headers: { accept } })).json).toMatchObject({ swagger: '2.0' });
    }
  });
});

describe('the diagnosis of a write that touched nothing', () => {
  const change = async (
    method: string,
    query: string,
    headers: Record<string, string> = {},
  ): Promise<string | null> => {
    const body = method === 'PATCH' ? { body: JSON.stringify({ body: 'x' }) } : {};
    const answer = await server.ask(`/owned?${query}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...body,
    });
    expect(answer.status).toBe(204);
    return answer.headers.get('vectabase-diagnostics');
  };

  beforeEach(() => server.sql(`insert into owned values (1, '${USER}', 'a'), (2, '${USER}', 'b')`));

  test('says that row policies hid every row', async () => {
    expect(await change('PATCH', 'id=in.(1,2)&order=id&select=id')).toMatch(/^row-security; matched=2; role=anon;/);
    expect(await change('DELETE', 'id=eq.1')).toMatch(/matched=1/);
  });

  test('is silent where rows were touched, where none matches, and for who sees all', async () => {
    expect(await change('PATCH', 'id=eq.77')).toBeNull();
    expect(await change('PATCH', 'id=eq.1', { authorization: `Bearer ${owner}` })).toBeNull();
    expect(await change('DELETE', 'id=eq.77', { apikey: server.keys.serviceRoleKey })).toBeNull();
  });
});

test('nothing that a client may send is our failure', async () => {
  const key = fc.constantFrom(
    'id',
    'name',
    'note',
    'customers',
    'orders',
    'order_lines',
    'tags',
    'order_lines!x',
    '',
    'method',
    'path',
    'headers',
    'body',
    'x"y',
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(
        null,
        true,
        -1,
        1e300,
        'a',
        '',
        '\u0000',
        'POST',
        'GET',
        '/orders',
        '/rpc/add_customer',
        '/tags?id=eq.x',
        '//',
        '/%ff',
      ),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(value, fc.boolean(), async (sent, cut) => {
      const body = JSON.stringify(sent).slice(0, cut ? -1 : undefined);
      const nested = await server.ask('/orders', {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'nested=insert,return=representation' },
        body,
      });
      const batched = await batch(body);
      for (const answer of [nested, batched]) {
        expect(answer.status).toBeLessThan(500);
        expect(answer.status < 400 || Object.hasOwn(answer.json as object, 'code')).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
  const many = await server.ask('/customers', {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'nested=insert' },
    body: JSON.stringify({ name: 'x', orders: Array.from({ length: 10_000 }, () => ({})) }),
  });
  expect(many).toMatchObject({ status: 400, json: { code: 'PGRST127' } });
});

test('a body that would hold everybody else up is refused', async () => {
  const large = JSON.stringify({ name: 'x'.repeat(4 * 1024 * 1024) });
  const sent = (headers: Record<string, string>, body: string) => ({ method: 'POST', headers, body });
  const json = { 'content-type': 'application/json', prefer: 'nested=insert' };
  const nested = await server.ask('/customers', sent(json, large));
  const type = { 'content-type': 'application/vnd.vectabase.batch+json' };
  const batched = await server.ask('/', sent(type, `[{"path":"/customers","body":${large}}]`));
  for (const answer of [nested, batched]) expect(answer).toMatchObject({ status: 413, json: { code: 'PGRST102' } });
});

test('without the setting nothing is diagnosed', async () => {
  const plain = await startRestServer('', {}, async (session) => {
    await session.script(
      `create table public.hidden (id int); alter table public.hidden enable row level security; insert into public.hidden values (1)`,
    );
  });
  try {
    const answer = await plain.ask('/hidden?id=eq.1', { method: 'DELETE' });
    expect([answer.status, answer.headers.get('vectabase-diagnostics')]).toEqual([204, null]);
  } finally {
    await plain.stop();
  }
});

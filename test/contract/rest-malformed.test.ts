import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

// Whatever is malformed is the client's mistake: refused in PostgREST's words, and the next request is answered.
let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public', 'hidden'], aggregatesEnabled: true, planEnabled: true, txEnd: 'rollback' },
  });
});
afterAll(() => server?.stop());

interface Raw {
  readonly method?: string;
  /** Byte for byte, as latin1. */
  readonly target: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
}

/** Past the client's own care: fetch would not send most of this. */
async function send({ method = 'GET', target, headers = {}, body = Buffer.alloc(0) }: Raw) {
  const { hostname, port } = new URL(server.daemon.url);
  const lines = Object.entries({
    Host: `${hostname}:${port}`,
    apikey: server.keys.serviceRoleKey,
    Connection: 'close',
    'Content-Length': String(body.length),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} /rest/v1${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => resolve());
    socket.on('error', reject);
    socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
  });
  const text = Buffer.concat(chunks).toString();
  const at = text.indexOf('\r\n\r\n');
  return { status: Number(text.slice(9, 12)), head: text.slice(0, at), body: text.slice(at + 4) };
}

type Sent = Awaited<ReturnType<typeof send>>;

/** The status, and for a refusal what of its body is not as it should be. */
function judged({ status, head, body }: Sent) {
  if (status < 400) return { status, problem: undefined };
  const json = parsed(body);
  const keys = Object.keys(json ?? {})
    .toSorted()
    .join(' ');
  const code = String(json?.['code']);
  return {
    status,
    problem:
      keys === 'code details hint message' &&
      /^(PGRST\d{3}|[0-9A-Z]{5})$/.test(code) &&
      head.includes('application/json')
        ? undefined
        : body.slice(0, 300),
  };
}

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

async function expectRefusal(raw: Raw, statuses: readonly number[] = [400]): Promise<void> {
  const { status, problem } = judged(await send(raw));
  expect
    .soft([raw.target.slice(0, 80), problem, statuses.includes(status) ? statuses : status])
    .toEqual([raw.target.slice(0, 80), undefined, statuses]);
}

const json = { 'Content-Type': 'application/json' };
const deep = (open: string, close: string, inside: string, times: number): string =>
  open.repeat(times) + inside + close.repeat(times);

describe('the query', () => {
  test.each([
    'places?name=eq.%zz',
    'places?name=eq.%ff',
    'places?name=eq.%c3%28',
    'places?name=eq.%ed%a0%80',
    'places?name=eq.%00',
    'places?%00=eq.1',
    'places?name=eq.a\u0001b%',
    'places?select=%22',
    'places?select=id,',
    'places?select=id(',
    'places?select=trips!(id)',
    'places?select=id::',
    'places?select=...id',
    'places?select=id->',
    'places?id=',
    'places?id=1',
    'places?id=eq',
    'places?id=nope.1',
    'places?id=in.1,2',
    'places?id=is.maybe',
    'places?id=eq(some).1',
    'places?name=fts(.x',
    'places?or=',
    'places?or=()',
    'places?or=(id.eq.1',
    'places?or=id.eq.1',
    'places?and=(id.eq.1,)',
    'places?not.or=(id)',
    'places?order=',
    'places?order=id.up',
    'places?order=id.asc.nullsnever',
    'places?order=trips(',
    'places?trips.limit=1',
    'places?trips.id=eq.1',
    'places?on_conflict=',
    'places?columns=',
    'places?id=eq.99999999999999999999999',
    'places?id=eq.1.5.2',
    'places?id=eq.',
    'places?name=match.(',
    'samples?ints=cs.{1',
    'samples?jsonb_=cs.{',
    'samples?span=sl.(1',
    'samples?words=fts.%26',
    'samples?words=fts(nothing).a',
  ])('%s', async (target) => expectRefusal({ target: `/${target}` }));

  test('nested as deep as a request line may be', async () => {
    await expectRefusal({ target: `/places?select=${deep('trips(', ')', 'id', 900)}` }, [400, 300]);
    await expectRefusal({ target: `/places?select=${'a('.repeat(5000)}` }, [400, 431]);
    await expectRefusal({ target: `/places?or=${deep('(and', ')', '(id.eq.1)', 1500)}` }, [400]);
    const { status } = await send({ target: `/places?or=(${deep('and(', ')', 'id.eq.1', 3000)})` });
    expect([200, 400]).toContain(status);
    expect((await send({ target: `/places?name=in.(${'x,'.repeat(4000)}x)` })).status).toBe(200);
  });
});

describe('the path and the method', () => {
  test.each([
    ['/%zz', 404],
    ['/%ff', 404],
    ['/%00', 404],
    ['/places/1', 404],
    ['/rpc/inc/1', 404],
    ['/nowhere', 404],
    ['/rpc/nowhere', 404],
    ["/places'", 404],
    ['/places;drop', 404],
    ['/../places', 404],
    ['/pl\u00e4ces', 400],
  ])('%s', async (target, status) => expectRefusal({ target }, [status]));

  test('methods that are none of ours', async () => {
    for (const method of ['TRACE', 'PROPFIND', 'LINK', 'PURGE'])
      await expectRefusal({ method, target: '/places' }, [405]);
    await expectRefusal({ method: 'DELETE', target: '/rpc/inc' }, [405]);
    await expectRefusal({ method: 'PUT', target: '/rpc/inc' }, [405]);
  });
});

describe('headers', () => {
  test.each([
    [{ Accept: 'nothing' }, 406],
    [{ Accept: 'image/png;q=x' }, 406],
    [{ 'Accept-Profile': 'nowhere' }, 406],
    [{ 'Accept-Profile': "pub'lic" }, 406],
    [{ 'Accept-Profile': '\u00ff\u00fe' }, 406],
    [{ Prefer: 'handling=strict, count=many' }, 400],
    [{ Prefer: 'timezone=Nowhere/Land' }, 400],
    [{ Authorization: 'Bearer' }, 401],
    [{ Authorization: 'Bearer a.b' }, 401],
    [{ Authorization: 'Bearer \u00ff.\u00ff.\u00ff' }, 401],
  ])('%j', async (headers, status) => expectRefusal({ target: '/places', headers }, [status]));

  test('of which none matters that cannot be understood', async () => {
    for (const headers of [
      { Accept: ',,;;,' },
      { Accept: '*/*;q=never' },
      { Prefer: '=' },
      { Prefer: 'count=many, x;y=z, ,' },
      { Prefer: 'max-affected=lots' },
      { Range: 'x-y' },
      { Range: '99999999999999999999-' },
      { 'Range-Unit': 'pages' },
      { Cookie: '\u00ff=;;' },
      { 'X-Odd': '\u0080\u00ff"\\' },
    ]) {
      const answer = await send({ target: '/places?select=id', headers });
      expect
        .soft([headers, answer.status < 300 || answer.status === 416 || answer.status === 406])
        .toEqual([headers, true]);
    }
    await expectRefusal({ target: '/places', headers: { Range: '5-1' } }, [416]);
  });
});

describe('bodies', () => {
  const post = (body: string | Buffer, headers: Record<string, string> = json, target = '/labels'): Raw => ({
    method: 'POST',
    target,
    headers,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  });
  test.each([
    '{',
    '[',
    '{"id":1,}',
    '{id:1}',
    '[{"id":1},{"nope":1}]',
    '[{"id":1}{"id":2}]',
    'NaN',
    '{"id":NaN}',
    '{"id":1e999}',
    '{"id":99999999999999999999}',
    '{"id":1.5}',
    '{"id":"x"}',
    '{"id":1,"name":"\\ud800"}',
    '{"id":1,"name":"\\u0000"}',
    '{"id":1} trailing',
    "{'id':1}",
    '{"id":1,"name":"a\nb"}',
    deep('[', ']', '', 20_000),
    deep('{"id":', '}', '1', 20_000),
  ])('%#', async (body) => expectRefusal(post(body)));

  test('in bytes that are no UTF-8', async () => {
    await expectRefusal(post(Buffer.from([0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d])));
    await expectRefusal(post(Buffer.from([0xc3, 0x28])));
    await expectRefusal(post(Buffer.from([0xff, 0xfe, 0x00]), { 'Content-Type': 'text/csv' }));
    await expectRefusal(post(Buffer.from('id=%ff'), { 'Content-Type': 'application/x-www-form-urlencoded' }));
    await expectRefusal(post(Buffer.from('id=%zz'), { 'Content-Type': 'application/x-www-form-urlencoded' }));
  });

  test('of types that are none of ours, or not what they say', async () => {
    await expectRefusal(post('{}', { 'Content-Type': 'text/html' }), [415, 400]);
    await expectRefusal(post('{}', { 'Content-Type': ';;;' }), [415, 400]);
    await expectRefusal(post('id,name\n1', { 'Content-Type': 'text/csv' }));
    await expectRefusal(post('id,name\n1,"x', { 'Content-Type': 'text/csv' }));
    await expectRefusal(post('nope\n1', { 'Content-Type': 'text/csv' }));
    await expectRefusal(post('{"a":"x"}', json, '/rpc/inc'), [400, 404]);
    await expectRefusal(post('[1]', json, '/rpc/inc'), [400, 404]);
  });
});

const bytes = fc
  .array(fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff })), { maxLength: 24 })
  .map((codes) => String.fromCharCode(...codes));
const piece = fc.oneof(
  bytes,
  fc.constantFrom(
    '(',
    ')',
    ',',
    '.',
    '..',
    ':',
    '::',
    '"',
    '\\',
    '!',
    '->',
    '->>',
    '*',
    '%',
    '%20',
    '%00',
    '%ff',
    '%22',
    '+',
    '=',
    '...',
    'eq',
    'not',
    'in',
    'id',
    'name',
    'trips',
    'or',
    '[',
    '{',
    '}',
  ),
);
const jumble = fc.array(piece, { maxLength: 8 }).map((list) => list.join(''));

test('any jumble in any place is answered, and no refusal is out of shape', { timeout: 200_000 }, async () => {
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'),
    path: fc.oneof(fc.constantFrom('places', 'samples', 'rpc/inc', 'fills', 'rpc/unnamed_json', ''), jumble),
    query: fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom('select', 'id', 'or', 'order', 'limit', 'columns', 'on_conflict'), jumble),
        jumble,
      ),
      { maxLength: 3 },
    ),
    headers: fc.dictionary(
      fc.constantFrom(
        'Accept',
        'Prefer',
        'Range',
        'Content-Type',
        'Accept-Profile',
        'Content-Profile',
        'Cookie',
        'X-Forwarded-For',
      ),
      jumble,
      { maxKeys: 2 },
    ),
    body: fc.oneof(
      jumble.map((text) => Buffer.from(text, 'latin1')),
      fc.json().map((text) => Buffer.from(text)),
    ),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path, query, headers, body }) => {
      const target = `/${path}?${query.map(([key, value]) => `${key}=${value}`).join('&')}`.replaceAll('#', '');
      const reads = method === 'GET' || method === 'HEAD';
      const answer = await send({ method, target, headers, ...(reads ? {} : { body }) });
      const { status, problem } = judged(answer);
      expect(status < 500 && status >= 200 ? '' : answer.head + answer.body).toBe('');
      expect(method === 'HEAD' ? undefined : problem).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
  expect((await server.ask('/places?select=id&id=eq.1')).json).toEqual([{ id: 1 }]);
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], aggregatesEnabled: true, txEnd: 'commit-allow-override' },
  });
});
afterAll(() => server?.stop());
const cases = (list: Parameters<typeof testCases>[1]): void => testCases(() => server, list);
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const post = (name: string, body: unknown, headers: Record<string, string> = {}) =>
  ({ ask: `/rpc/${name}`, method: 'POST', body, headers }) as const;

describe('arguments', () => {
  cases({
    'by name, with defaults': [
      { ...post('inc', { a: 1 }), json: 2 },
      { ...post('inc', { a: 1, b: 5 }), json: 6 },
      { ask: '/rpc/inc?a=1', json: 2 },
      { ...post('inc', 'a=1&b=4', form), json: 5 },
      { ...post('Quoted%20Name', { User: 'u', fullName: 'f' }), json: { User: 'u', fullName: 'f' } },
      { ask: '/rpc/Quoted%20Name?User=u&fullName=f%20g', json: { User: 'u', fullName: 'f g' } },
    ],
    'an empty body has no keys': [
      { ...post('over_names', ''), json: 'none' },
      { ...post('over_names', {}), json: 'none' },
    ],
    'of several objects the first one counts': {
      ...post('inc', [
        { a: 1, b: 2 },
        { a: 5, b: 6 },
      ]),
      json: 3,
    },
    'columns picks keys': { ...post('hello?columns=name', { name: 'you', more: 1 }), json: 'Hello, you' },
    'the last of repeated ones': { ask: '/rpc/hello?name=a&name=b', json: 'Hello, b' },
    'variadic ones, from each kind of request': [
      { ask: '/rpc/spread_out?name=nobody&v=a&v=b', json: { name: 'nobody', v: ['a', 'b'] } },
      { ask: '/rpc/spread_out?name=x&name=y&v=a,b', json: { name: 'y', v: ['a,b'] } },
      { ask: '/rpc/spread_out', json: { name: 'nobody', v: [] } },
      { ...post('spread_out', 'name=nobody&v=a&v=b', form), json: { name: 'nobody', v: ['a', 'b'] } },
      { ...post('spread_out', '', form), json: { name: 'nobody', v: [] } },
      { ...post('spread_out', { name: 'nobody', v: ['p', 'q'] }), json: { name: 'nobody', v: ['p', 'q'] } },
    ],
    'character and bit are not cut': [
      {
        ask: '/rpc/wide?char_=abcdef&bits_=10101&chars={ab,cd}',
        json: { char: 'abcdef', bits: '10101', chars: ['ab', 'cd'] },
      },
      {
        ...post('wide', { char_: 'abcdef', bits_: '10101', chars: ['ab', 'cd'] }),
        json: { char: 'abcdef', bits: '10101', chars: ['ab', 'cd'] },
      },
    ],
    'an argument and a filter of one name': [
      { ask: '/rpc/the_place?id=2&id=eq.2&select=name', json: { name: 'Oslo' } },
      { ask: '/rpc/places_from?min=1&id=gt.2&select=id', json: [{ id: 3 }] },
      { ask: '/rpc/places_from?min=1&id=not.in.(1,3)&select=id', json: [{ id: 2 }] },
      { ask: '/rpc/places_from?min=1&name=like(any).{R*,L*}&select=id', json: [{ id: 1 }, { id: 3 }] },
      { ask: '/rpc/places_from?min=1&or=(id.eq.1,name.eq.Lima)&select=id', json: [{ id: 1 }, { id: 3 }] },
    ],
    'a whole body': [
      { ...post('unnamed_json', { a: 1 }), json: { a: 1 } },
      { ...post('unnamed_json', [1, 2]), json: [1, 2] },
      {
        ...post('echo_text', 'some text', { 'content-type': 'text/plain', accept: 'text/plain' }),
        text: 'some text',
        has: { 'content-type': 'text/plain; charset=utf-8' },
      },
      {
        ...post('echo_xml', '<a>b</a>', { 'content-type': 'text/xml', accept: 'text/xml' }),
        text: '<a>b</a>',
        has: { 'content-type': 'text/xml; charset=utf-8' },
      },
      { ...post('echo_xml', '<', { 'content-type': 'text/xml', accept: 'text/xml' }), error: { code: '2200N' } },
      {
        ...post('echo_bytes', 'bytes', {
          'content-type': 'application/octet-stream',
          accept: 'application/octet-stream',
        }),
        text: 'bytes',
        has: { 'content-type': 'application/octet-stream' },
      },
      { ...post('unnamed_json', '{no', {}), status: 400 },
    ],
    'whole body or names, as they fit': [
      { ...post('either', {}), json: 1 },
      { ...post('either', { x: 1, y: 2 }), json: 3 },
      { ...post('either', { x: 1, z: 2 }), json: { x: 1, z: 2 } },
      { ask: '/rpc/either', headers: { 'content-type': 'text/plain' }, json: 1 },
    ],
  });
});

describe('which function', () => {
  cases({
    'overloads by their names of parameters': [
      { ask: '/rpc/over_names', json: 'none' },
      { ask: '/rpc/over_names?a=1', json: 'a' },
      { ask: '/rpc/over_names?a=1&b=2', json: 'ab' },
      { ...post('over_names', { a: 1, b: 2, c: 'x' }), json: 'abc' },
      { ...post('over_names', 'a=1&b=2&c=x', form), json: 'abc' },
    ],
    'overloads by type cannot be told apart': {
      ask: '/rpc/over_types?arg=1',
      status: 300,
      error: {
        code: 'PGRST203',
        message:
          'Could not choose the best candidate function between: public.over_types(arg => integer), public.over_types(arg => xml), public.over_types(arg => text, num => integer)',
        details: null,
        hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
      },
    },
    'two that take a whole body': {
      ...post('two_bodies', { a: 1 }),
      status: 300,
      error: {
        code: 'PGRST203',
        message:
          'Could not choose the best candidate function between: public.two_bodies( => json), public.two_bodies( => jsonb)',
      },
    },
    'none of that name': {
      ask: '/rpc/helo',
      status: 404,
      error: {
        code: 'PGRST202',
        message: 'Could not find the function public.helo without parameters in the schema cache',
        details:
          'Searched for the function public.helo without parameters, but no matches were found in the schema cache.',
        hint: 'Perhaps you meant to call the function public.hello',
      },
    },
    'none of those parameters': [
      {
        ask: '/rpc/hello?nam=x',
        status: 404,
        error: {
          message: 'Could not find the function public.hello(nam) in the schema cache',
          details:
            'Searched for the function public.hello with parameter nam, but no matches were found in the schema cache.',
          hint: 'Perhaps you meant to call the function public.hello(name)',
        },
      },
      {
        ...post('inc', { a: 1, b: 2, smth: 3 }),
        status: 404,
        error: {
          message: 'Could not find the function public.inc(a, b, smth) in the schema cache',
          details:
            'Searched for the function public.inc with parameters a, b, smth or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.',
          hint: 'Perhaps you meant to call the function public.inc(a, b)',
        },
      },
    ],
    'none that takes such a body': [
      ...(['text/plain', 'text/xml', 'application/octet-stream'] as const).map((type, at) => ({
        ...post('unnamed_int', 'x', { 'content-type': type }),
        status: 404,
        error: {
          code: 'PGRST202',
          message: 'Could not find the function public.unnamed_int in the schema cache',
          details: `Searched for the function public.unnamed_int with a single unnamed ${['text', 'xml', 'bytea'][at]} parameter, but no matches were found in the schema cache.`,
          hint: null,
        },
      })),
      { ...post('unnamed_int', { x: 1 }), status: 404, error: { code: 'PGRST202' } },
    ],
    'csv names parameters too': {
      ...post('either', 'p,q\n1,2', { 'content-type': 'text/csv' }),
      status: 404,
      error: {
        message: 'Could not find the function public.either(p, q) in the schema cache',
        details:
          'Searched for the function public.either with parameters p, q, but no matches were found in the schema cache.',
        hint: 'Perhaps you meant to call the function public.either(x, y)',
      },
    },
    'only GET, HEAD and POST call': [
      {
        ask: '/rpc/hello',
        method: 'DELETE',
        status: 405,
        error: { code: 'PGRST101', message: 'Cannot use the DELETE method on RPC' },
      },
      { ask: '/rpc/hello', method: 'PATCH', body: {}, status: 405, error: { code: 'PGRST101' } },
      { ask: '/rpc/hello', method: 'PUT', body: {}, status: 405, error: { code: 'PGRST101' } },
    ],
    'a body that is none': [
      { ...post('hello', 'sdfsdf'), error: { code: 'PGRST102', message: 'Empty or invalid json' } },
      {
        ...post('hello', [{ name: 'a' }, { nam: 'b' }]),
        error: { code: 'PGRST102', message: 'All object keys must match' },
      },
      {
        ...post('hello', '<a/>', { 'content-type': 'text/html' }),
        error: { code: 'PGRST102', message: 'Content-Type not acceptable: text/html' },
      },
      { ...post('hello?name=x', { name: 'a' }), error: { code: 'PGRST100' } },
    ],
  });
});

describe('what comes back', () => {
  cases({
    'values, sets of values, rows, records': [
      { ask: '/rpc/no_int', json: null },
      { ask: '/rpc/ints', json: [1, 2, 3], has: { 'content-range': '0-2/*' } },
      { ask: '/rpc/an_array', json: [1, 2] },
      { ask: '/rpc/an_enum?val=bad', json: 'bad' },
      { ask: '/rpc/a_point', json: { x: 1, y: 2 } },
      { ask: '/rpc/domain_point?select=x', json: { x: 3 } },
      { ask: '/rpc/a_record', json: { id: 1, name: 'x' } },
      {
        ask: '/rpc/records',
        json: [
          { column1: 1, column2: 'x' },
          { column1: 2, column2: 'y' },
        ],
      },
      { ask: '/rpc/one_out?num=5', json: { plus_one: 6 } },
      { ask: '/rpc/in_and_out?num=2', json: { num: 3 } },
      { ask: '/rpc/outs', json: { a: 1, b: 'two' } },
      { ask: '/rpc/one_column', json: [{ a: 'A' }] },
      { ask: '/rpc/no_places', json: [], has: { 'content-range': '*/*' } },
      { ask: '/rpc/the_place?id=1&select=id,trips!origin(note)', json: { id: 1, trips: [{ note: 'north' }] } },
    ],
    'rows are selected, filtered, ordered and cut': [
      {
        ...post('places_from?select=name&order=name&limit=1&offset=1', { min: 1 }),
        json: [{ name: 'Oslo' }],
        has: { 'content-range': '1-1/*' },
      },
      { ask: '/rpc/complex_rows?select=val->y&val->x=gt.1&order=val->>y.desc', json: [{ y: 6 }] },
      { ask: '/rpc/places_from?min=1&select=name,shout&shout=eq.ROME', json: [{ name: 'Rome', shout: 'ROME' }] },
      {
        ask: '/rpc/places_from?min=1&select=',
        json: [
          { id: 1, name: 'Rome' },
          { id: 2, name: 'Oslo' },
          { id: 3, name: 'Lima' },
        ],
      },
    ],
    counts: [
      {
        ask: '/rpc/places_from?min=1&limit=1',
        headers: { prefer: 'count=exact' },
        status: 206,
        has: { 'content-range': '0-0/3' },
      },
      { ask: '/rpc/inc?a=1', headers: { prefer: 'count=exact' }, json: 2, has: { 'content-range': '0-0/1' } },
      {
        ask: '/rpc/places_from?min=1&limit=1',
        headers: { prefer: 'count=planned' },
        has: { 'content-range': '0-0/*' },
      },
      {
        ask: '/rpc/places_from?min=1&select=id,trips!origin!inner(id)&trips.note=eq.home',
        method: 'HEAD',
        headers: { prefer: 'count=exact' },
        text: '',
        has: { 'content-range': '0-0/1', 'content-type': 'application/json; charset=utf-8' },
      },
      {
        ask: '/rpc/places_from?min=9&offset=1',
        headers: { prefer: 'count=exact' },
        status: 416,
        error: { code: 'PGRST103', details: 'An offset of 1 was requested, but there are only 0 rows.' },
        has: { 'content-range': '*/0' },
      },
    ],
    'a Range header counts for GET alone': [
      {
        ask: '/rpc/places_from?min=1',
        headers: { range: '1-1', prefer: 'count=exact' },
        status: 206,
        has: { 'content-range': '1-1/3' },
      },
      {
        ...post('places_from', { min: 1 }, { range: '1-1', prefer: 'count=exact' }),
        has: { 'content-range': '0-2/3' },
      },
      {
        ask: '/rpc/places_from?min=1',
        method: 'HEAD',
        headers: { range: '1-1', prefer: 'count=exact' },
        has: { 'content-range': '0-2/3' },
      },
    ],
    'one object': [
      {
        ask: '/rpc/places_from?min=3',
        headers: { accept: 'application/vnd.pgrst.object+json' },
        json: { id: 3, name: 'Lima' },
      },
      {
        ask: '/rpc/places_from?min=1',
        headers: { accept: 'application/vnd.pgrst.object' },
        status: 406,
        error: {
          code: 'PGRST116',
          message: 'Cannot coerce the result to a single JSON object',
          details: 'The result contains 3 rows',
        },
      },
      { ask: '/rpc/hello?name=x', headers: { accept: 'application/vnd.pgrst.object' }, json: 'Hello, x' },
      {
        ...post('makes_place', { id: 90, name: 'a' }, { accept: 'application/vnd.pgrst.object' }),
        json: { id: 90, name: 'a' },
      },
    ],
    csv: [
      { ask: '/rpc/places_from?min=2', headers: { accept: 'text/csv' }, text: 'id,name\n2,Oslo\n3,Lima\n90,a' },
      {
        ask: '/rpc/places_from?min=2',
        method: 'HEAD',
        headers: { accept: 'text/csv' },
        text: '',
        has: { 'content-type': 'text/csv; charset=utf-8' },
      },
    ],
    nothing: [
      { ...post('hurried', {}), status: 500, error: { code: '57014' } },
      { ...post('raise_code', { code: 'PT204' }), status: 204, text: '' },
    ],
  });

  test('a volatile function runs once', async () => {
    const call = async (name: string) => (await server.ask(`/rpc/${name}`, { method: 'POST' })).json;
    expect(await call('counted')).toBe(1);
    expect(await call('counted_rows')).toEqual([{ n: 2 }]);
    expect(await call('counted')).toBe(3);
  });
});

describe('transactions', () => {
  cases({
    'GET only reads': [
      { ask: '/rpc/counted', status: 405, error: { code: '25006' } },
      { ask: '/rpc/makes_place?id=91&name=b', status: 405, error: { code: '25006' } },
    ],
    'isolation by function': [
      { ask: '/rpc/isolation', json: 'read committed' },
      { ask: '/rpc/own_isolation', json: 'serializable' },
    ],
    'what must be tried again is tried again': { ...post('flaky', {}), json: 3 },
    'limits of what may be affected': [
      {
        ...post('makes_place', { id: 95, name: 'c' }, { prefer: 'handling=strict, max-affected=0' }),
        error: { code: 'PGRST124', details: 'The query affects 1 rows' },
      },
      { ask: '/places?id=eq.95', json: [] },
      {
        ...post('makes_place', { id: 95, name: 'c' }, { prefer: 'handling=strict, max-affected=1, tx=rollback' }),
        json: [{ id: 95, name: 'c' }],
        has: { 'preference-applied': 'tx=rollback, handling=strict, max-affected=1' },
      },
      {
        ...post('inc', { a: 1 }, { prefer: 'handling=strict, max-affected=1' }),
        error: {
          code: 'PGRST128',
          message: 'Function must return SETOF or TABLE when max-affected preference is used with handling=strict',
        },
      },
      { ...post('inc', { a: 1 }, { prefer: 'max-affected=1' }), json: 2, has: { 'preference-applied': null } },
    ],
    'too many rows for one object leave nothing behind': [
      {
        ask: '/rpc/makes_place',
        method: 'POST',
        body: { id: 96, name: 'd' },
        headers: { accept: 'text/nothing' },
        status: 406,
      },
      { ask: '/places?id=eq.96', json: [] },
    ],
  });
});

describe('what a function raises or sets', () => {
  const gucHeaders =
    'response.headers guc must be a JSON array composed of objects with a single key and a string value';
  cases({
    'plain errors': [
      { ...post('complain', {}), error: { code: 'P0001', message: 'bad input', details: 'why', hint: 'do better' } },
      { ...post('stumble', {}), status: 500, error: { code: 'P0004' } },
    ],
    'codes that are a status': [
      {
        ...post('raise_code', { code: 'PT402', message: 'Pay', detail: 'd' }),
        status: 402,
        error: { code: 'PT402', message: 'Pay', details: 'd' },
        has: { 'proxy-status': 'PostgREST; error=PT402' },
      },
      { ...post('raise_code', { code: 'PT40A' }), status: 500, error: { code: 'PT40A' } },
    ],
    'a whole answer': [
      {
        ...post('raise_code', {
          code: 'PGRST',
          message: '{"code":"123","message":"ABC","details":"DEF","hint":"XYZ"}',
          detail: '{"status":332,"headers":{"X-Header":"str"}}',
        }),
        status: 332,
        json: { code: '123', message: 'ABC', details: 'DEF', hint: 'XYZ' },
        has: { 'x-header': 'str', 'proxy-status': 'PostgREST; error=123' },
      },
      {
        ...post('raise_code', { code: 'PGRST', message: 'INVALID', detail: '{}' }),
        status: 500,
        error: {
          code: 'PGRST121',
          message: `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`,
          details: "Invalid JSON value for MESSAGE: 'INVALID'",
          hint: "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
        },
      },
      {
        ...post('raise_code', { code: 'PGRST', message: '{"code":"1","message":"a"}', detail: 'INVALID' }),
        status: 500,
        error: {
          code: 'PGRST121',
          details: "Invalid JSON value for DETAIL: 'INVALID'",
          hint: "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.",
        },
      },
      {
        ...post('raise_code', { code: 'PGRST', message: '{"code":"1","message":"a"}' }),
        status: 500,
        error: { details: 'DETAIL is missing in the RAISE statement' },
      },
    ],
    'status of each class of error': [
      ...(
        [
          ['08006', 503],
          ['09000', 500],
          ['0L000', 403],
          ['0P000', 403],
          ['23503', 409],
          ['23505', 409],
          ['21000', 500],
          ['22023', 400],
          ['25006', 405],
          ['25000', 500],
          ['28000', 403],
          ['2D000', 500],
          ['38000', 500],
          ['39000', 500],
          ['3B000', 500],
          ['40002', 500],
          ['53400', 500],
          ['53000', 503],
          ['54000', 500],
          ['55000', 500],
          ['57P01', 503],
          ['57014', 500],
          ['58000', 500],
          ['F0000', 500],
          ['HV000', 500],
          ['P0001', 400],
          ['P0002', 500],
          ['XX000', 500],
          ['42883', 404],
          ['42P01', 404],
          ['42P17', 500],
          ['42501', 401],
          ['22000', 400],
          ['ZZ000', 400],
        ] as const
      ).map(([code, status]) => ({ ...post('raise_code', { code }), status, error: { code } })),
    ],
    'headers and status': [
      {
        ask: `/rpc/answer_with?headers=${encodeURIComponent('[{"X-A": "1"}, {"Set-Cookie": "a=b"}, {"Set-Cookie": "c=d"}]')}&status=201`,
        status: 201,
        json: 1,
        has: { 'x-a': '1', 'set-cookie': 'a=b, c=d' },
      },
      ...['{"a": "b"}', '[{"a": "b", "c": "d"}]', '[{"a": 1}]', 'no'].map((headers) => ({
        ask: `/rpc/answer_with?headers=${encodeURIComponent(headers)}&status=`,
        status: 500,
        error: { code: 'PGRST111', message: gucHeaders },
      })),
      {
        ask: '/rpc/answer_with?headers=&status=bad',
        status: 500,
        error: { code: 'PGRST112', message: 'response.status guc must be a valid status code' },
      },
    ],
    'the request is there to be read': [
      { ...post('setting_of', { name: 'request.method' }), json: 'POST' },
      { ask: '/rpc/setting_of?name=request.path', json: '/rpc/setting_of' },
      { ask: '/rpc/setting_of?name=request.cookies', headers: { cookie: 'a=1; b=2' }, json: '{"a":"1","b":"2"}' },
      { ask: '/rpc/setting_of?name=role', json: 'anon' },
      { ask: '/rpc/setting_of?name=timezone', headers: { prefer: 'timezone=Asia/Tokyo' }, json: 'Asia/Tokyo' },
    ],
    'cookies are not among the headers': {
      ask: '/rpc/setting_of?name=request.headers',
      headers: { cookie: 'a=1', 'x-own': '2' },
      status: 200,
    },
    'not for everybody': {
      ...post('private_hello', {}),
      status: 401,
      error: { code: '42501' },
      has: { 'www-authenticate': 'Bearer' },
    },
  });
});

describe('OPTIONS', () => {
  cases({
    'by volatility': [
      { ask: '/rpc/counted', method: 'OPTIONS', has: { allow: 'OPTIONS,POST' } },
      { ask: '/rpc/places_from', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD,POST' } },
      { ask: '/rpc/ints', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD,POST' } },
      { ask: '/rpc/nope', method: 'OPTIONS', status: 404, error: { code: 'PGRST202' } },
    ],
  });
});

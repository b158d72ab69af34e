import { afterAll, beforeAll, describe } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], aggregatesEnabled: true, txEnd: 'commit-allow-override' },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);
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
    'status of each class of error': (
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

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
const post = (name: string, body: unknown, headers: Record<string, string> = {}) =>
  ({ ask: `/rpc/${name}`, method: 'POST', body, headers }) as const;

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
    'values are filtered, ordered and cut': [
      { ask: '/rpc/ints?pgrst_scalar=gt.1&order=pgrst_scalar.desc', json: [3, 2] },
      { ask: '/rpc/ints', headers: { range: '0-0' }, json: [1], has: { 'content-range': '0-0/*' } },
      {
        ask: '/rpc/ints?limit=1&offset=1',
        headers: { prefer: 'count=exact' },
        status: 206,
        json: [2],
        has: { 'content-range': '1-1/3' },
      },
      {
        ask: '/rpc/ints?x=gt.1',
        error: { code: '42703', message: 'column ints.x does not exist' },
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
      {
        ask: '/rpc/makes_place?id=91&name=b',
        headers: { prefer: 'tx=rollback' },
        status: 405,
        error: { code: '25006' },
      },
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

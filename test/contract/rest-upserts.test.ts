import { afterAll, beforeAll, describe } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

// Nothing that these write stays, unless they say so.
beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], txEnd: 'rollback-allow-override', maxRows: 2 },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);
const post = (table: string, body: unknown, prefer = '') =>
  ({ ask: `/${table}`, method: 'POST', body, headers: prefer === '' ? {} : { prefer } }) as const;

describe('upserts', () => {
  const merge = 'resolution=merge-duplicates';
  const ignore = 'resolution=ignore-duplicates';
  cases({
    'merged: 201 when something is new, 200 when not': [
      {
        ...post(
          'labels',
          [
            { id: 1, name: 'RED' },
            { id: 11, name: 'new' },
          ],
          `${merge}, return=representation`,
        ),
        status: 201,
        json: [
          { id: 1, name: 'RED' },
          { id: 11, name: 'new' },
        ],
        has: { 'preference-applied': 'resolution=merge-duplicates, return=representation' },
      },
      {
        ...post('labels', [{ id: 1, name: 'RED' }], `return=representation, ${merge}`),
        status: 200,
        json: [{ id: 1, name: 'RED' }],
      },
      { ...post('labels', [], `${merge}, return=representation`), status: 200, json: [] },
      {
        ...post('only_key', [{ id: 1 }, { id: 4 }], `${merge}, return=representation`),
        status: 201,
        json: [{ id: 1 }, { id: 4 }],
      },
      {
        ...post('no_key', [{ a: '1' }], `${merge}, return=representation`),
        status: 201,
        has: { 'preference-applied': 'return=representation' },
      },
      {
        ...post('sales', [{ id: 1, region: 'north', shop_id: 2 }], `${merge}, return=representation`),
        json: [{ id: 1, region: 'north', shop_id: 2 }],
      },
    ],
    ignored: [
      {
        ...post(
          'labels',
          [
            { id: 1, name: 'RED' },
            { id: 11, name: 'new' },
          ],
          `${ignore}, return=representation`,
        ),
        status: 201,
        json: [{ id: 11, name: 'new' }],
      },
      { ...post('labels', [{ id: 1, name: 'RED' }], `${ignore}, return=representation`), status: 201, json: [] },
    ],
    'on other keys': [
      {
        ...post(
          'uniques?on_conflict=key1,key2',
          [{ id: 5, key1: 1, key2: 1, value: 'B' }],
          `${merge}, return=representation`,
        ),
        json: [{ id: 5, key1: 1, key2: 1, value: 'B' }],
      },
      {
        ...post('uniques?on_conflict=key1,key2', [{ id: 5, key1: 1, key2: 1 }], `${ignore}, return=representation`),
        status: 201,
        json: [],
      },
      { ...post('uniques?on_conflict=value', [{ id: 5 }], merge), error: { code: '42P10' } },
    ],
    'with defaults for keys': {
      ...post(
        'fills?columns=id,name&select=name',
        [{ name: 'new' }],
        `${merge}, missing=default, return=representation`,
      ),
      status: 201,
      json: [{ name: 'new' }],
      has: { 'preference-applied': 'resolution=merge-duplicates, missing=default, return=representation' },
    },
    'without it, twice is a conflict': {
      ...post('labels', { id: 1 }),
      status: 409,
      error: { code: '23505', details: 'Key (id)=(1) already exists.' },
    },
  });
});

describe('PUT', () => {
  const put = (target: string, body: unknown, prefer = '') => ({
    ask: target,
    method: 'PUT',
    body,
    headers: prefer === '' ? {} : { prefer },
  });
  cases({
    'makes or replaces the row that it names': [
      { ...put('/labels?id=eq.11', { id: 11, name: 'new' }), status: 204, text: '' },
      {
        ...put('/labels?id=eq.11', [{ id: 11, name: 'new' }], 'return=representation'),
        status: 201,
        json: [{ id: 11, name: 'new' }],
        has: { 'content-range': null },
      },
      {
        ...put('/labels?id=eq.1', { id: 1, name: 'RED' }, 'return=representation'),
        status: 200,
        json: [{ id: 1, name: 'RED' }],
      },
      {
        ...put('/pairs_of?a=eq.1&b=eq.x', { a: 1, b: 'x' }, 'return=representation'),
        status: 201,
        json: [{ a: 1, b: 'x', note: 'x' }],
      },
    ],
    'nothing else': [
      {
        ...put('/labels?id=eq.1&limit=1', { id: 1 }),
        error: { code: 'PGRST114', message: 'limit/offset querystring parameters are not allowed for PUT' },
      },
      { ...put('/labels?id=eq.1&offset=1', { id: 1 }), error: { code: 'PGRST114' } },
      ...[
        '/labels',
        '/labels?name=eq.x',
        '/labels?id=not.eq.1',
        '/labels?id=in.(1)',
        '/labels?id=eq(any).{1}',
        '/labels?id=eq.1&name=eq.x',
        '/labels?or=(id.eq.1)',
        '/pairs_of?a=eq.1',
        '/no_key?a=eq.1',
      ].map((target) => ({
        ...put(target, { id: 1 }),
        status: 405,
        error: {
          code: 'PGRST105',
          message: "Filters must include all and only primary key columns with 'eq' operators",
        },
      })),
      {
        ...put('/labels?id=eq.1', { id: 2 }),
        error: { code: 'PGRST115', message: 'Payload values do not match URL in primary key column(s)' },
      },
      { ...put('/labels?id=eq.1', [{ id: 1 }, { id: 2 }]), status: 204 },
    ],
  });
});

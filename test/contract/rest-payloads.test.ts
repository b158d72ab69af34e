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
const give = (more = ''): Record<string, string> => ({
  prefer: `return=representation${more === '' ? '' : `, ${more}`}`,
});
const post = (table: string, body: unknown, prefer = '') =>
  ({ ask: `/${table}`, method: 'POST', body, headers: prefer === '' ? {} : { prefer } }) as const;

describe('bodies', () => {
  cases({
    'one object, several, none, with spaces around': [
      {
        ...post('labels', { id: 11, name: 'x' }),
        status: 201,
        text: '',
        has: { 'content-type': null, location: null, 'content-length': '0', 'content-range': '*/*' },
      },
      {
        ...post('labels', [{ id: 11 }, { id: 12 }], 'return=representation, count=exact'),
        status: 201,
        json: [
          { id: 11, name: null },
          { id: 12, name: null },
        ],
        has: { 'content-range': '*/2', 'preference-applied': 'return=representation, count=exact' },
      },
      { ...post('labels', [], 'return=representation'), status: 201, json: [] },
      {
        ...post('labels', ' \n\t {"id": 11} \r\n', 'return=representation'),
        status: 201,
        json: [{ id: 11, name: null }],
      },
      { ...post('fills', {}, 'return=representation'), status: 201 },
      {
        ...post('fills?select=name,n', [{}, {}], 'return=representation'),
        status: 201,
        json: [
          { name: 'unnamed', n: 12 },
          { name: 'unnamed', n: 12 },
        ],
      },
      { ...post('labels', '3', 'return=representation'), status: 201, json: [] },
    ],
    'what is no body': [
      {
        ...post('labels', ''),
        error: { code: 'PGRST102', message: 'Empty or invalid json', details: null, hint: null },
      },
      { ...post('labels', '}{ x = 2'), error: { code: 'PGRST102', message: 'Empty or invalid json' } },
      { ...post('labels?columns=id', '{"id":1},{"id":2}'), error: { code: '22P02' } },
      {
        ask: '/labels?id=eq.1',
        method: 'PATCH',
        body: '',
        error: { code: 'PGRST102', message: 'Empty or invalid json' },
      },
      { ...post('labels', [{ id: 1 }, 2]), error: { code: 'PGRST102', message: 'All object keys must match' } },
      {
        ...post('labels', [{ id: 1 }, { id: 2, name: 'x' }]),
        error: { code: 'PGRST102', message: 'All object keys must match' },
      },
      {
        ask: '/labels',
        method: 'POST',
        body: 'x',
        headers: { 'content-type': 'text/html' },
        error: { code: 'PGRST102', message: 'Content-Type not acceptable: text/html' },
      },
    ],
    columns: [
      {
        ...post(
          'labels?columns=id',
          [
            { id: 11, more: 1 },
            { id: 12, name: 'not taken' },
          ],
          'return=representation',
        ),
        status: 201,
        json: [
          { id: 11, name: null },
          { id: 12, name: null },
        ],
      },
      {
        ...post('labels?columns=%22id%22,%22name%22', { id: 11 }, 'return=representation'),
        status: 201,
        json: [{ id: 11, name: null }],
      },
      {
        ...post('labels?columns=helicopter', { id: 1 }),
        error: {
          code: 'PGRST204',
          message: "Could not find the 'helicopter' column of 'labels' in the schema cache",
          details: null,
          hint: null,
        },
      },
      { ...post('garlic?columns=helicopter', { id: 1 }), status: 404, error: { code: 'PGRST205' } },
      {
        ...post('labels?columns=', [{ id: 1 }]),
        json: {
          code: 'PGRST100',
          message: '"failed to parse columns parameter ()" (line 1, column 1)',
          details: 'unexpected end of input expecting field name (* or [a..z0..9_$])',
          hint: null,
        },
        status: 400,
      },
      { ...post('labels?columns=id', [{ id: 1 }, 333]), status: 400 },
      { ...post('labels', { id: 1, nope: 2 }), error: { code: 'PGRST204' } },
    ],
    forms: {
      ask: '/labels',
      method: 'POST',
      body: 'id=11&name=a+b%21',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...give() },
      status: 201,
      json: [{ id: 11, name: 'a b!' }],
    },
    'keys that come twice': [
      {
        ...post('fills?select=doc', '{"doc": {"a": 1, "a": 2}, "id": 3}', 'return=representation'),
        status: 201,
        text: '[{"doc":{"a": 1, "a": 2}}]',
      },
      {
        ...post(
          'fills?columns=id,doc&select=doc',
          '{"doc": {"a": 1, "a": 2}, "id": 3}',
          'return=representation, missing=default',
        ),
        status: 201,
        text: '[{"doc":{"a": 2}}]',
      },
    ],
    'lengths of text and bits': [
      {
        ...post('fills?select=code,bits', { code: 'abc', bits: '101' }, 'return=representation'),
        status: 201,
        json: [{ code: 'abc', bits: '101' }],
      },
      { ...post('fills', { code: 'abcd' }), error: { code: '22001' } },
    ],
  });
});

describe('defaults instead of nulls', () => {
  cases({
    'of columns, domains and sequences': [
      {
        ...post(
          'fills?columns=id,name,n,m&select=name,n,m',
          [{ name: 'a' }, { n: null, m: 5 }],
          'missing=default, return=representation',
        ),
        status: 201,
        json: [
          { name: 'a', n: 12, m: 1 },
          { name: 'unnamed', n: null, m: 5 },
        ],
        has: { 'preference-applied': 'missing=default, return=representation' },
      },
      {
        ...post('fills_view?columns=id,name&select=name', { id: 7 }, 'missing=default, return=representation'),
        status: 201,
        json: [{ name: 'viewed' }],
      },
      {
        ...post('fills?columns=name,n&select=name,n', { n: 3 }, 'missing=null, return=representation'),
        error: { code: '23502' },
      },
      {
        ask: '/uniques?columns=value,key1&id=eq.1',
        method: 'PATCH',
        body: { value: 'B' },
        headers: give('missing=default'),
        json: [{ id: 1, key1: null, key2: 1, value: 'B' }],
        has: { 'preference-applied': 'missing=default, return=representation' },
      },
    ],
    'generated columns cannot be given': {
      ...post('fills?columns=name,made', [{ name: 'a', made: 'b' }], 'missing=default'),
      error: { code: '428C9' },
    },
  });
});

describe('where it went', () => {
  cases({
    'Location names the key': [
      {
        ...post('labels', { id: 11 }, 'return=headers-only'),
        status: 201,
        text: '',
        has: { location: '/labels?id=eq.11', 'preference-applied': 'return=headers-only', 'content-type': null },
      },
      {
        ...post('pairs_of', { a: 1, b: 'Rock & R+l (l)' }, 'return=headers-only'),
        status: 201,
        has: { location: '/pairs_of?a=eq.1&b=eq.Rock%20%26%20R%2Bl%20%28l%29' },
      },
      {
        ...post('sales', { id: 9, region: 'north' }, 'return=headers-only'),
        status: 201,
        has: { location: '/sales?id=eq.9&region=eq.north' },
      },
      {
        ...post('fills_view', { id: 77 }, 'return=headers-only'),
        status: 201,
        has: { location: '/fills_view?id=eq.77' },
      },
      { ...post('labels', [{ id: 11 }, { id: 12 }], 'return=headers-only'), status: 201, has: { location: null } },
      { ...post('no_key', { a: 'x' }, 'return=headers-only'), status: 201, has: { location: null } },
      { ...post('labels', { id: 11 }, 'return=representation'), status: 201, has: { location: null } },
      {
        ...post('limited?select=id', { id: 5 }, 'return=headers-only'),
        status: 201,
        has: { location: '/limited?id=eq.5' },
      },
    ],
  });
});

describe('what is given back', () => {
  cases({
    'shaped and embedded': [
      {
        ...post('trips?select=trip:id::text,origin(name)', { id: 9, origin: 1 }, 'return=representation'),
        status: 201,
        json: [{ trip: '9', origin: { name: 'Rome' } }],
      },
      {
        ask: '/trips?id=eq.1&select=note,target(name)',
        method: 'PATCH',
        body: { note: 'n' },
        headers: give(),
        json: [{ note: 'n', target: { name: 'Oslo' } }],
        has: { 'content-range': '0-0/*' },
      },
      {
        ask: '/trips?id=eq.1&select=id,target(name)',
        method: 'DELETE',
        headers: give('count=exact'),
        json: [{ id: 1, target: { name: 'Oslo' } }],
        has: { 'content-range': '*/1' },
      },
      {
        ask: '/places?id=eq.1&select=name,trips!origin(note)&trips.note=eq.x',
        method: 'PATCH',
        body: { name: 'R' },
        headers: give(),
        json: [{ name: 'R', trips: [] }],
      },
    ],
    'more rows than a read may give': {
      ...post('labels', [{ id: 11 }, { id: 12 }, { id: 13 }], 'return=representation'),
      status: 201,
      json: [
        { id: 11, name: null },
        { id: 12, name: null },
        { id: 13, name: null },
      ],
    },
    'what was written is ordered, but all of it is there': {
      ask: '/nodes?order=id.desc&limit=1&select=id',
      method: 'PATCH',
      body: { parent_id: null },
      headers: give('count=exact'),
      json: [{ id: 3 }, { id: 2 }, { id: 1 }],
      has: { 'content-range': '0-2/3' },
    },
    'what is asked of the answer must make sense, shown or not': [
      { ask: '/labels?places.id=eq.1', method: 'DELETE', error: { code: 'PGRST108' } },
      { ask: '/labels?id=eq.99&select=id,nothing(id)', method: 'DELETE', error: { code: 'PGRST200' } },
      { ask: '/labels?nothing.id=eq.1', method: 'PATCH', body: { name: 'x' }, error: { code: 'PGRST108' } },
      { ...post('labels?nothing.id=eq.1', { id: 98 }), error: { code: 'PGRST108' } },
      { ask: '/labels?id=eq.99&select=anything', method: 'DELETE', status: 204 },
    ],
    'CSV names its columns itself': {
      ask: '/labels?columns=id',
      method: 'POST',
      headers: { ...give(), 'content-type': 'text/csv' },
      body: 'id,name\n97,z',
      status: 201,
      json: [{ id: 97, name: 'z' }],
    },
    'nothing matched': [
      {
        ask: '/labels?id=eq.99',
        method: 'PATCH',
        body: { name: 'x' },
        status: 204,
        text: '',
        has: { 'content-range': '*/*', 'content-type': null },
      },
      { ask: '/labels?id=eq.99', method: 'PATCH', body: { name: 'x' }, headers: give(), json: [] },
      { ask: '/labels?id=eq.99', method: 'DELETE', status: 204, text: '', has: { 'content-range': '*/*' } },
      { ask: '/labels?id=eq.99', method: 'DELETE', headers: give(), json: [] },
    ],
    'nothing to set': [
      ...[{}, [], [{}]].map((body) => ({
        ask: '/labels?select=id',
        method: 'PATCH',
        body,
        status: 204,
        text: '',
        has: { 'content-range': '*/*' },
      })),
      {
        ask: '/places?select=id,shout',
        method: 'PATCH',
        body: {},
        headers: give(),
        json: [],
        has: { 'content-range': '*/*' },
      },
    ],
    'computed fields filter and show': {
      ask: '/places?shout=eq.ROME&select=id,shout',
      method: 'PATCH',
      body: { name: 'Roma' },
      headers: give(),
      json: [{ id: 1, shout: 'ROMA' }],
    },
    'only what the role may read': [
      { ...post('limited', { id: 5, open: 'a' }, 'return=representation'), status: 401, error: { code: '42501' } },
      {
        ...post('limited?select=id,open', { id: 5, open: 'a' }, 'return=representation'),
        status: 201,
        json: [{ id: 5, open: 'a' }],
      },
      {
        ...post('limited', { id: 5, closed: 'a' }, 'return=minimal'),
        status: 201,
        has: { 'preference-applied': 'return=minimal' },
      },
      { ask: '/limited?id=eq.1&select=id', method: 'DELETE', headers: give(), json: [{ id: 1 }] },
      { ask: '/limited?id=eq.2', method: 'DELETE', status: 204 },
      { ask: '/limited', status: 401, error: { code: '42501', message: 'permission denied for table limited' } },
    ],
  });
});

describe('domains with a form of their own', () => {
  cases({
    'shown in columns, stars, embeds and CSV': [
      { ask: '/paints?select=shade&id=eq.1', json: [{ shade: '#FF0000' }] },
      { ask: '/paints?id=eq.1', json: [{ id: 1, name: 'red', shade: '#FF0000' }] },
      { ask: '/paints?select=c:shade,t:shade::text&id=eq.1', json: [{ c: '#FF0000', t: '"#FF0000"' }] },
      { ask: '/walls?select=id,paints(shade)', json: [{ id: 1, paints: { shade: '#FF0000' } }] },
      { ask: '/walls?select=id,paints(*)', json: [{ id: 1, paints: { id: 1, name: 'red', shade: '#FF0000' } }] },
      { ask: '/walls?select=...paints(shade)', json: [{ shade: '#FF0000' }] },
    ],
    'read in filters': [
      { ask: '/paints?select=id&shade=eq.%2300FF00', json: [{ id: 2 }] },
      { ask: '/paints?select=id&shade=not.in.(00FF00,000000)', json: [{ id: 1 }] },
      { ask: '/paints?select=id&or=(shade.gt.00FF00,id.eq.9)', json: [{ id: 1 }] },
      { ask: '/walls?select=id,paints!inner(id)&paints.shade=eq.FF0000', json: [{ id: 1, paints: { id: 1 } }] },
      { ask: '/paints?shade=like.x', status: 404, error: { code: '42883' } },
    ],
    'read in bodies, shown after': [
      {
        ...post('paints', { id: 3, name: 'navy', shade: '#000080' }, 'return=representation'),
        status: 201,
        json: [{ id: 3, name: 'navy', shade: '#000080' }],
      },
      {
        ...post(
          'paints?columns=id,shade&select=shade',
          [{ id: 3, name: 'x', shade: '#000080' }],
          'return=representation',
        ),
        status: 201,
        json: [{ shade: '#000080' }],
      },
      {
        ask: '/paints?shade=eq.FF0000&select=name,shade',
        method: 'PATCH',
        body: { shade: '#00000F' },
        headers: give(),
        json: [{ name: 'red', shade: '#00000F' }],
      },
      { ...post('paints', { id: 3 }, 'return=headers-only'), status: 201, has: { location: '/paints?id=eq.3' } },
    ],
  });
});

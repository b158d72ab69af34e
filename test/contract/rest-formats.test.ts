import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], planEnabled: true, txEnd: 'rollback' },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);
const accept = (type: string) => ({ accept: type });
const JSON_TYPE = 'application/json; charset=utf-8';

describe('JSON', () => {
  cases({
    'by default, and by each of its names': [
      { ask: '/labels?id=eq.1', json: [{ id: 1, name: 'red' }], has: { 'content-type': JSON_TYPE } },
      ...[
        '*/*',
        'application/json',
        'application/json; charset=utf-8',
        'application/vnd.pgrst.array',
        'application/vnd.pgrst.array+json',
        'text/unknown, */*;q=0.1',
      ].map((type) => ({
        ask: '/labels?id=eq.1',
        headers: accept(type),
        json: [{ id: 1, name: 'red' }],
        has: { 'content-type': JSON_TYPE },
      })),
    ],
    'one object or none': [
      {
        ask: '/labels?id=eq.1',
        headers: accept('application/vnd.pgrst.object+json'),
        json: { id: 1, name: 'red' },
        has: { 'content-type': 'application/vnd.pgrst.object+json; charset=utf-8' },
      },
      {
        ask: '/labels',
        headers: accept('application/vnd.pgrst.object'),
        status: 406,
        json: {
          code: 'PGRST116',
          message: 'Cannot coerce the result to a single JSON object',
          details: 'The result contains 2 rows',
          hint: null,
        },
      },
      {
        ask: '/labels?id=eq.9',
        headers: accept('application/vnd.pgrst.object'),
        status: 406,
        error: { details: 'The result contains 0 rows' },
        has: { 'content-type': JSON_TYPE },
      },
    ],
    'one object of a write, whatever it gives back': (['POST', 'PATCH', 'DELETE'] as const).flatMap((method) =>
      ['', 'return=minimal', 'return=representation'].map((prefer) => ({
        ask: method === 'POST' ? '/nodes' : '/nodes?id=gt.1',
        method,
        headers: { ...accept('application/vnd.pgrst.object+json'), prefer },
        ...(method === 'DELETE' ? {} : { body: method === 'POST' ? [{ id: 7 }, { id: 8 }] : { parent_id: null } }),
        status: 406,
        error: { code: 'PGRST116', details: 'The result contains 2 rows' },
      })),
    ),
    'without nulls': [
      {
        ask: '/nodes?order=id&limit=1',
        headers: accept('application/vnd.pgrst.array+json;nulls=stripped'),
        text: '[{"id":1}]',
        has: { 'content-type': 'application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8' },
      },
      {
        ask: '/nodes?id=eq.1',
        headers: accept('application/vnd.pgrst.object+json; nulls=stripped'),
        text: '{"id":1}',
        has: { 'content-type': 'application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8' },
      },
      {
        ask: '/nodes',
        method: 'POST',
        body: { id: 9, parent_id: null },
        headers: { ...accept('application/vnd.pgrst.array+json;nulls=stripped'), prefer: 'return=representation' },
        status: 201,
        text: '[{"id":9}]',
      },
      {
        ask: '/nodes',
        headers: accept('application/vnd.pgrst.object+json;nulls=stripped'),
        status: 406,
        error: { code: 'PGRST116' },
      },
    ],
    'what nobody can make': [
      {
        ask: '/labels',
        headers: accept('text/unknown'),
        status: 406,
        json: {
          code: 'PGRST107',
          message: 'None of these media types are available: text/unknown',
          details: null,
          hint: null,
        },
      },
      {
        ask: '/labels',
        headers: accept('text/unknown, image/x'),
        status: 406,
        error: { message: 'None of these media types are available: text/unknown, image/x' },
      },
      { ask: '/labels', headers: accept('application/openapi+json'), status: 406 },
      { ask: '/', headers: accept('text/csv'), status: 406, error: { code: 'PGRST107' } },
    ],
  });
});

describe('CSV', () => {
  cases({
    'quoted where it must be, with nulls as nothing': [
      {
        ask: '/samples?select=id,text_,flag&order=id',
        headers: accept('text/csv'),
        text: 'id,text_,flag\n1,"one, two",t\n2,"say ""hi"" (now)",f\n3,,\n4,"",',
        has: { 'content-type': 'text/csv; charset=utf-8' },
      },
      { ask: '/labels?id=eq.9', headers: accept('text/csv'), text: '\n' },
      {
        ask: '/labels?select=id&order=id',
        headers: accept('text/csv;q=0.9, application/json;q=0.5'),
        text: 'id\n1\n2',
      },
      {
        ask: '/trips?select=id,origin(name)&id=eq.1',
        headers: accept('text/csv'),
        text: 'id,origin\n1,"{""name"": ""Rome""}"',
      },
    ],
    'in and out of a write': [
      {
        ask: '/no_key',
        method: 'POST',
        body: 'a,b\nbar,"b,""z"\nNULL,foo\n',
        headers: { 'content-type': 'text/csv', ...accept('text/csv'), prefer: 'return=representation' },
        status: 201,
        text: 'a,b\nbar,"b,""z"\n,foo',
      },
      {
        ask: '/no_key?select=b',
        method: 'POST',
        body: 'a,b\r\nbar,baz',
        headers: { 'content-type': 'text/csv', ...accept('text/csv'), prefer: 'return=representation' },
        status: 201,
        text: 'b\nbaz',
      },
      {
        ask: '/no_key',
        method: 'POST',
        body: 'a,b\nfoo,bar\nbaz',
        headers: { 'content-type': 'text/csv' },
        error: { code: 'PGRST102', message: 'All lines must have same number of fields' },
      },
    ],
  });
});

describe('types that the database makes', () => {
  cases({
    'values of functions': [
      { ask: '/rpc/page', headers: accept('text/html'), text: '<h1>Hi</h1>', has: { 'content-type': 'text/html' } },
      {
        ask: '/rpc/plain',
        headers: accept('text/plain'),
        text: 'plain words',
        has: { 'content-type': 'text/plain; charset=utf-8' },
      },
      {
        ask: '/rpc/an_xml',
        headers: accept('text/xml'),
        text: '<a/>',
        has: { 'content-type': 'text/xml; charset=utf-8' },
      },
      { ask: '/rpc/page', headers: accept('*/*'), json: '<h1>Hi</h1>', has: { 'content-type': JSON_TYPE } },
      {
        ask: '/rpc/page',
        method: 'HEAD',
        headers: accept('text/html'),
        text: '',
        has: { 'content-type': 'text/html' },
      },
      { ask: '/rpc/page', headers: accept('text/plain'), status: 406 },
      { ask: '/rpc/plains', headers: accept('text/plain'), status: 406 },
    ],
    'any type': [
      {
        ask: '/rpc/anything',
        headers: accept('app/bingo'),
        text: 'any',
        has: { 'content-type': 'application/octet-stream' },
      },
      { ask: '/rpc/anything', text: 'any', has: { 'content-type': 'application/octet-stream' } },
      { ask: '/rpc/named_type', headers: accept('image/x'), text: 'special', has: { 'content-type': 'app/special' } },
    ],
    'the first that can be had, by weight': [
      { ask: '/rpc/page', headers: accept('image/png, application/json;q=0.2, text/html;q=0.8'), text: '<h1>Hi</h1>' },
      { ask: '/labels', headers: accept('text/plain, application/json'), has: { 'content-type': JSON_TYPE } },
    ],
    'aggregates over any rows, selected or not': [
      {
        ask: '/labels?order=id',
        headers: accept('text/tab-separated-values'),
        text: '1\tred\n2\tblue\n',
        has: { 'content-type': 'text/tab-separated-values' },
      },
      { ask: '/labels?order=id&select=name', headers: accept('text/tab-separated-values'), text: 'red\nblue\n' },
      { ask: '/rpc/places_from?min=3', headers: accept('text/tab-separated-values'), text: '3\tLima\n' },
      {
        ask: '/labels',
        method: 'POST',
        body: { id: 5, name: 'x' },
        headers: { ...accept('text/tab-separated-values'), prefer: 'return=representation' },
        status: 201,
        text: '5\tx\n',
      },
      { ask: '/labels?id=eq.0', headers: accept('text/tab-separated-values'), text: '' },
    ],
    'aggregates over the rows of one table, whole ones only': [
      {
        ask: '/places?order=id',
        headers: accept('application/vnd.places'),
        text: 'Rome;Oslo;Lima;',
        has: { 'content-type': 'application/vnd.places' },
      },
      { ask: '/places?order=id&select=*', headers: accept('application/vnd.places'), text: 'Rome;Oslo;Lima;' },
      { ask: '/places?select=id,name', headers: accept('application/vnd.places'), status: 406 },
      { ask: '/labels', headers: accept('application/vnd.places'), status: 406 },
      { ask: '/rpc/places_from?min=2', headers: accept('application/vnd.places'), text: 'Oslo;Lima;' },
    ],
    'even JSON, but not the types that are ours': [
      {
        ask: '/shops',
        headers: accept('application/json'),
        json: { overridden: true },
        has: { 'content-type': JSON_TYPE },
      },
      { ask: '/shops?id=eq.1', headers: accept('application/vnd.pgrst.object+json'), json: { id: 1, name: 'corner' } },
    ],
  });

  test('bytes are bytes', async () => {
    const answer = await fetch(`${server.daemon.url}/rest/v1/rpc/picture`, {
      headers: { accept: 'image/png', apikey: server.keys.anonKey },
    });
    expect([answer.headers.get('content-type'), Buffer.from(await answer.arrayBuffer()).toString('hex')]).toEqual([
      'image/png',
      '89504e47',
    ]);
  });
});

describe('execution plans', () => {
  const plan = (type: string): Record<string, string> => accept(`application/vnd.pgrst.plan${type}`);
  cases({
    'of reads, writes and calls': [
      {
        ask: '/labels',
        headers: plan('+json'),
        has: { 'content-type': 'application/vnd.pgrst.plan+json; for="application/json"; charset=utf-8' },
      },
      {
        ask: '/labels',
        headers: plan('+text; for="text/csv"; options=verbose|analyze'),
        has: {
          'content-type': 'application/vnd.pgrst.plan+text; for="text/csv"; options=analyze|verbose; charset=utf-8',
        },
      },
      {
        ask: '/labels',
        headers: plan('; for="application/vnd.pgrst.object"'),
        has: {
          'content-type': 'application/vnd.pgrst.plan+text; for="application/vnd.pgrst.object+json"; charset=utf-8',
        },
      },
      { ask: '/labels?id=eq.1', method: 'DELETE', headers: plan('+json'), status: 200 },
      { ask: '/labels?id=eq.1', method: 'PATCH', body: { name: 'x' }, headers: plan('+json') },
      { ask: '/labels', method: 'POST', body: { id: 3 }, headers: plan('+json') },
      { ask: '/labels?id=eq.3', method: 'PUT', body: { id: 3 }, headers: plan('+json') },
      { ask: '/rpc/places_from?min=1', headers: plan('+json') },
      { ask: '/labels', headers: plan('+json; for="text/nothing"'), status: 406 },
    ],
  });

  test('what they show', async () => {
    const first = async (target: string, type: string) => {
      const [each] = (await server.ask(target, { headers: plan(type) })).json as Array<
        Record<string, Record<string, unknown>>
      >;
      return each;
    };
    expect((await first('/labels', '+json; options=settings'))?.['Settings']).toMatchObject({
      search_path: '"public", "public", "extensions"',
    });
    expect(JSON.stringify(await first('/labels', '+json; options=verbose'))).toContain('labels.name');
    expect(JSON.stringify(await first('/labels', '+json; options=analyze|wal|buffers'))).toMatch(
      /Actual Rows.*Shared Hit Blocks|Shared Hit Blocks.*Actual Rows/s,
    );
    const text = await server.ask('/labels', { headers: plan('') });
    expect(text.text).toMatch(/^Aggregate .*\n$/s);
  });
});

describe('headers', () => {
  cases({
    'of a read': {
      ask: '/labels?name=eq.red&id=eq.1',
      has: {
        'content-location': '/labels?id=eq.1&name=eq.red',
        'content-range': '0-0/*',
        'content-profile': null,
        vary: 'Accept, Prefer, Range, Origin',
      },
    },
    'names in Content-Location are encoded': {
      ask: "/samples?select=id,%22odd%20name%22&text_=eq.it's%20(1*)&limit=1",
      has: {
        'content-location': '/samples?limit=1&select=id%2C%22odd%20name%22&text_=eq.it%27s%20%281%2A%29',
      },
    },
    'HEAD has no body and no length': {
      ask: '/labels',
      method: 'HEAD',
      text: '',
      has: { 'content-length': null, 'content-type': JSON_TYPE, 'content-range': '0-1/*' },
    },
  });
});

import { afterAll, beforeAll, describe } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], maxRows: 0 },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);
const ids = (...list: number[]) => list.map((id) => ({ id }));

describe('pages', () => {
  const range = (text: string, prefer = '') => ({ range: text, prefer });
  const bad = 'Requested range not satisfiable';
  const order = 'The lower boundary must be lower than or equal to the upper boundary in the Range header.';
  cases({
    'limit and offset': [
      { ask: '/nodes?order=id&limit=1&offset=1&select=id', json: ids(2), has: { 'content-range': '1-1/*' } },
      { ask: '/nodes?limit=0', json: [], has: { 'content-range': '*/*' } },
      { ask: '/nodes?offset=-4&select=id&order=id', json: ids(1, 2, 3) },
      { ask: '/nodes?limit=x&offset=y', status: 200, has: { 'content-range': '0-2/*' } },
      {
        ask: '/nodes?limit=-1',
        status: 416,
        json: { code: 'PGRST103', message: bad, details: 'Limit should be greater than or equal to zero.', hint: null },
      },
    ],
    Range: [
      { ask: '/nodes?order=id&select=id', headers: range('0-1'), json: ids(1, 2), has: { 'content-range': '0-1/*' } },
      { ask: '/nodes?order=id&select=id', headers: range('1-'), json: ids(2, 3), has: { 'content-range': '1-2/*' } },
      { ask: '/nodes?order=id&select=id', headers: { ...range('0-0'), 'range-unit': 'items' }, json: ids(1) },
      {
        ask: '/nodes?order=id&select=id',
        headers: range('1-100', 'count=exact'),
        status: 206,
        json: ids(2, 3),
        has: { 'content-range': '1-2/3' },
      },
      { ask: '/nodes?order=id&select=id', headers: range('nonsense'), json: ids(1, 2, 3) },
      { ask: '/nodes', headers: range('1-0'), status: 416, error: { code: 'PGRST103', details: order } },
      { ask: '/nodes', headers: range('0-1', 'count=exact'), method: 'HEAD', has: { 'content-range': '0-2/3' } },
    ],
    'both at once': [
      {
        ask: '/nodes?order=id&select=id&limit=3',
        headers: range('0-1'),
        json: ids(1, 2),
        has: { 'content-range': '0-1/*' },
      },
      { ask: '/nodes?order=id&select=id&limit=1', headers: range('0-2'), json: ids(1) },
      { ask: '/nodes?order=id&select=id&offset=1', headers: range('0-1'), json: ids(2) },
      { ask: '/nodes?limit=1', headers: range('5-6'), status: 416, error: { code: 'PGRST103' } },
      { ask: '/nodes?offset=-1&limit=1', status: 416, error: { code: 'PGRST103' } },
    ],
    'with a total': [
      {
        ask: '/nodes?limit=2',
        headers: { prefer: 'count=exact' },
        status: 206,
        has: { 'content-range': '0-1/3', 'preference-applied': 'count=exact' },
      },
      { ask: '/nodes', headers: { prefer: 'count=exact' }, status: 200, has: { 'content-range': '0-2/3' } },
      { ask: '/nodes?id=eq.9', headers: { prefer: 'count=exact' }, json: [], has: { 'content-range': '*/0' } },
      { ask: '/nodes?offset=3', headers: { prefer: 'count=exact' }, status: 206, has: { 'content-range': '*/3' } },
      {
        ask: '/nodes?offset=4',
        headers: { prefer: 'count=exact' },
        status: 416,
        json: {
          code: 'PGRST103',
          message: bad,
          details: 'An offset of 4 was requested, but there are only 3 rows.',
          hint: null,
        },
        has: { 'content-range': '*/3' },
      },
      {
        ask: '/nodes?offset=1&id=eq.9',
        headers: range('', 'count=exact'),
        status: 416,
        error: { details: 'An offset of 1 was requested, but there are only 0 rows.' },
        has: { 'content-range': '*/0' },
      },
    ],
  });
});

describe('preferences', () => {
  const prefer = (text: string) => ({ prefer: text });
  cases({
    'strict handling knows no unknown ones': [
      {
        ask: '/nodes',
        headers: prefer('handling=strict, anything'),
        status: 400,
        json: {
          code: 'PGRST122',
          message: 'Invalid preferences given with handling=strict',
          details: 'Invalid preferences: anything',
          hint: null,
        },
      },
      {
        ask: '/nodes',
        headers: prefer('something, else,  handling=strict'),
        error: { details: 'Invalid preferences: something, else' },
      },
      {
        ask: '/nodes',
        method: 'POST',
        body: {},
        headers: prefer('handling=strict, count=all'),
        error: { code: 'PGRST122' },
      },
      { ask: '/rpc/ints', headers: prefer('handling=strict, x'), error: { code: 'PGRST122' } },
      {
        ask: '/nodes',
        headers: prefer('handling=lenient, anything'),
        status: 200,
        has: { 'preference-applied': 'handling=lenient' },
      },
      { ask: '/nodes', headers: prefer('anything'), status: 200, has: { 'preference-applied': null } },
    ],
    'the first of a kind counts': {
      ask: '/nodes',
      headers: prefer('count=exact, count=planned'),
      has: { 'preference-applied': 'count=exact' },
    },
    'in a fixed order': {
      ask: '/samples?select=moment&id=eq.1',
      headers: prefer('timezone=America/Los_Angeles, handling=strict, count=exact'),
      json: [{ moment: '2026-01-01T04:00:00-08:00' }],
      has: { 'preference-applied': 'count=exact, handling=strict, timezone=America/Los_Angeles' },
    },
    'time zones are what Postgres takes for one': [
      {
        ask: '/samples?select=moment&id=eq.1',
        headers: prefer('timezone=+05:30'),
        json: [{ moment: '2026-01-01T06:30:00-05:30' }],
        has: { 'preference-applied': 'timezone=+05:30' },
      },
      {
        ask: '/samples?select=moment&id=eq.1',
        headers: prefer('timezone=-4'),
        json: [{ moment: '2026-01-01T08:00:00-04:00' }],
      },
      ...['timezone=No/Where', 'handling=lenient, timezone=No/Where', 'handling=strict, timezone=No/Where'].map(
        (text) => ({
          ask: '/samples',
          headers: prefer(text),
          error: { code: '22023', message: 'invalid value for parameter "TimeZone": "No/Where"' },
        }),
      ),
    ],
    'how it ends is not for clients to say here': {
      ask: '/nodes',
      headers: prefer('tx=rollback, count=exact'),
      has: { 'preference-applied': 'count=exact' },
    },
    'limits of what may be affected': [
      {
        ask: '/nodes?id=gt.1',
        method: 'DELETE',
        headers: prefer('handling=strict, max-affected=1'),
        json: {
          code: 'PGRST124',
          message: 'Query result exceeds max-affected preference constraint',
          details: 'The query affects 2 rows',
          hint: null,
        },
        status: 400,
      },
      {
        ask: '/nodes?id=gt.1',
        method: 'PATCH',
        body: { parent_id: 1 },
        headers: prefer('handling=strict, max-affected=0'),
        error: { code: 'PGRST124' },
      },
      {
        ask: '/nodes?id=gt.1',
        method: 'PATCH',
        body: { parent_id: 1 },
        headers: prefer('handling=strict, max-affected=2'),
        status: 204,
        has: { 'preference-applied': 'handling=strict, max-affected=2' },
      },
      {
        ask: '/nodes?id=gt.1',
        method: 'PATCH',
        body: { parent_id: 1 },
        headers: prefer('handling=lenient, max-affected=1'),
        status: 204,
        has: { 'preference-applied': 'handling=lenient' },
      },
      {
        ask: '/nodes',
        headers: prefer('handling=strict, max-affected=1'),
        status: 200,
        has: { 'preference-applied': 'handling=strict' },
      },
    ],
  });
});

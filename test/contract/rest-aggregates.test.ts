import { afterAll, beforeAll, describe } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], aggregatesEnabled: true },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);

describe('spreads', () => {
  cases({
    'of the one above, nested, inside an embed': [
      {
        ask: '/expenses?select=id,...budgets(kind,...owners(owner:name))&id=lte.2&order=id',
        json: [
          { id: 1, kind: 'a', owner: 'Sue' },
          { id: 2, kind: 'a', owner: 'Sue' },
        ],
      },
      { ask: '/expenses?select=id,..budgets(kind)&id=eq.5', json: [{ id: 5, kind: null }] },
      {
        ask: '/budgets?select=id,expenses(id,...budgets(kind))&id=eq.2',
        json: [{ id: 2, expenses: [{ id: 3, kind: 'b' }] }],
      },
      { ask: '/places?select=name,...first_trip(note)&id=eq.1', json: [{ name: 'Rome', note: 'north' }] },
    ],
    'of the many below become arrays that belong together': [
      {
        ask: '/budgets?select=id,...expenses(ids:id,costs:cost)&order=id&expenses.order=id.desc',
        json: [
          { id: 1, ids: [2, 1], costs: [20, 10] },
          { id: 2, ids: [3], costs: [5] },
          { id: 3, ids: [4], costs: [7] },
        ],
      },
      {
        ask: '/owners?select=name,...budgets(kinds:kind,expenses(cost))&order=id&budgets.order=id&budgets.expenses.order=id',
        json: [
          { name: 'Sue', kinds: ['a', 'b'], expenses: [[{ cost: 10 }, { cost: 20 }], [{ cost: 5 }]] },
          { name: 'Tom', kinds: ['a'], expenses: [[{ cost: 7 }]] },
          { name: 'None', kinds: [], expenses: [] },
        ],
      },
      {
        ask: '/owners?select=name,...budgets(*)&id=eq.2',
        json: [{ name: 'Tom', id: [3], owner_id: [2], amount: [70], kind: ['a'] }],
      },
      {
        ask: '/sites?select=name,...works!jobs(w:name)&order=id&works.order=id',
        json: [
          { name: 'north', w: ['dig'] },
          { name: 'south', w: ['dig', 'build'] },
        ],
      },
      { ask: '/owners?select=name,...budgets(kinds:kind)&budgets=is.null', json: [{ name: 'None', kinds: [] }] },
    ],
    'aggregates of the many are not to be had': {
      ask: '/owners?select=name,...budgets(amount.sum())',
      error: {
        code: 'PGRST127',
        message: 'Feature not implemented',
        details: 'Aggregates are not implemented for one-to-many or many-to-many spreads.',
      },
    },
  });
});

describe('aggregates', () => {
  cases({
    'of all, by groups, with casts and names': [
      { ask: '/budgets?select=count()', json: [{ count: 3 }] },
      { ask: '/budgets?select=count', json: [{ count: 3 }] },
      {
        ask: '/owners?select=name,budgets(count)&order=id',
        json: [
          { name: 'Sue', budgets: [{ count: 2 }] },
          { name: 'Tom', budgets: [{ count: 1 }] },
          { name: 'None', budgets: [{ count: 0 }] },
        ],
      },
      { ask: '/budgets?select=n:count()::text', json: [{ n: '3' }] },
      {
        ask: '/budgets?select=kind,amount.sum(),amount.avg(),amount.min(),amount.max(),amount.count()&order=kind',
        json: [
          { kind: 'a', sum: 170, avg: 85, min: 70, max: 100, count: 2 },
          { kind: 'b', sum: 50, avg: 50, min: 50, max: 50, count: 1 },
        ],
      },
      { ask: '/expenses?select=tags->>n::int.sum()', json: [{ sum: 6 }] },
      { ask: '/expenses?select=s:tags->>n::int.sum()::text', json: [{ s: '6' }] },
      {
        ask: '/budgets?select=k:kind,total:amount.sum()&order=total.desc',
        json: [
          { k: 'a', total: 170 },
          { k: 'b', total: 50 },
        ],
      },
    ],
    'beside embeds and within them': [
      { ask: '/budgets?select=total:amount.sum(),owners(name)&order=owner_id', status: 400 },
      {
        ask: '/budgets?select=owner_id,total:amount.sum(),owners(name)&order=owner_id',
        json: [
          { owner_id: 1, total: 150, owners: { name: 'Sue' } },
          { owner_id: 2, total: 70, owners: { name: 'Tom' } },
        ],
      },
      {
        ask: '/owners?select=name,budgets(amount.sum(),amount.max())&order=id',
        json: [
          { name: 'Sue', budgets: [{ sum: 150, max: 100 }] },
          { name: 'Tom', budgets: [{ sum: 70, max: 70 }] },
          { name: 'None', budgets: [{ sum: null, max: null }] },
        ],
      },
    ],
    'hoisted out of spreads, through any depth': [
      {
        ask: '/expenses?select=total:cost.sum(),...budgets(kind,amount.sum())&order=budgets(kind)',
        json: [
          { total: 37, kind: 'a', sum: 270 },
          { total: 5, kind: 'b', sum: 50 },
          { total: 1, kind: null, sum: null },
        ],
      },
      { ask: '/expenses?select=...budgets(all:amount.sum())', json: [{ all: 320 }] },
      {
        ask: '/expenses?select=...budgets(...owners(name,count()))&order=budgets(name)',
        json: [
          { name: 'Sue', count: 3 },
          { name: 'Tom', count: 1 },
          { name: null, count: 0 },
        ],
      },
      {
        ask: '/expenses?select=...budgets(kind,b:count(),...owners(o:count()))&order=budgets(kind)',
        json: [
          { kind: 'a', b: 3, o: 3 },
          { kind: 'b', b: 1, o: 1 },
          { kind: null, b: 0, o: 0 },
        ],
      },
      { ask: '/expenses?select=...budgets(owners(name),amount.sum())&cost=gt.6&order=budgets(sum)', status: 400 },
      {
        ask: '/expenses?select=...budgets(owners(name),amount.sum())&cost=gt.9',
        json: [{ owners: { name: 'Sue' }, sum: 200 }],
      },
      {
        ask: '/owners?select=name,budgets(expenses(count()),...owners(name.max()))&id=eq.3',
        json: [{ name: 'None', budgets: [] }],
      },
    ],
    'of rows that a function gives': { ask: '/rpc/places_from?min=1&select=id.max()', json: [{ max: 3 }] },
    'a star groups by all columns': {
      ask: '/owners?select=*,n:count()&order=id&limit=1',
      json: [{ id: 1, name: 'Sue', n: 1 }],
    },
  });
});

import type { SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

// Every method of the client's builders, each by what it changes in the answer. The last test tells which are left out.
let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: {
      schemas: ['public', 'hidden'],
      aggregatesEnabled: true,
      planEnabled: true,
      txEnd: 'commit-allow-override',
    },
  });
});
afterAll(() => server?.stop());

const from = (table: string): ReturnType<SupabaseClient['from']> => server.supabase.from(table);
type Filtered = ReturnType<ReturnType<SupabaseClient['from']>['select']>;

/** Ids of the samples that are left. */
const FILTERS: Record<string, ReadonlyArray<readonly [narrow: (query: Filtered) => Filtered, ids: number[]]>> = {
  eq: [[(q) => q.eq('text_', 'one, two'), [1]]],
  neq: [[(q) => q.neq('text_', 'one, two'), [2, 4]]],
  gt: [[(q) => q.gt('id', 3), [4]]],
  gte: [[(q) => q.gte('id', 3), [3, 4]]],
  lt: [[(q) => q.lt('num', 2), [1]]],
  lte: [[(q) => q.lte('moment', '2026-01-01T12:00:00Z'), [1]]],
  like: [[(q) => q.like('text_', '%two'), [1]]],
  likeAllOf: [[(q) => q.likeAllOf('text_', ['%one%', '%two%']), [1]]],
  likeAnyOf: [[(q) => q.likeAnyOf('text_', ['%two', '%hi%']), [1, 2]]],
  ilike: [[(q) => q.ilike('text_', '%TWO'), [1]]],
  ilikeAllOf: [[(q) => q.ilikeAllOf('text_', ['%ONE%', '%TWO%']), [1]]],
  ilikeAnyOf: [[(q) => q.ilikeAnyOf('text_', ['%TWO', '%HI%']), [1, 2]]],
  regexMatch: [[(q) => q.regexMatch('text_', '^one'), [1]]],
  regexIMatch: [[(q) => q.regexIMatch('text_', '^ONE'), [1]]],
  is: [
    [(q) => q.is('text_', null), [3]],
    [(q) => q.is('flag', true), [1]],
    [(q) => q.is('flag', false), [2]],
  ],
  isDistinct: [[(q) => q.isDistinct('text_', 'one, two'), [2, 3, 4]]],
  in: [[(q) => q.in('text_', ['one, two', 'say "hi" (now)']), [1]]],
  notIn: [[(q) => q.notIn('id', [1, 2]), [3, 4]]],
  contains: [
    [(q) => q.contains('ints', [1, 3]), [1]],
    [(q) => q.contains('jsonb_', { 'k-ey': 5 }), [1]],
    [(q) => q.contains('span', '[2,3)'), [1]],
  ],
  containedBy: [
    [(q) => q.containedBy('ints', [1, 2, 3, 4]), [1, 2, 4]],
    [(q) => q.containedBy('jsonb_', { a: { b: [1, 2] }, 'k-ey': 5, '!@#$%^&*_d': { e: 3 }, more: 1 }), [1]],
    [(q) => q.containedBy('span', '[0,6)'), [1, 4]],
  ],
  overlaps: [
    [(q) => q.overlaps('ints', [3, 4]), [1, 2]],
    [(q) => q.overlaps('span', '[8,20)'), [2]],
  ],
  rangeGt: [[(q) => q.rangeGt('span', '[1,4)'), [2]]],
  rangeGte: [[(q) => q.rangeGte('span', '[2,3)'), [2]]],
  rangeLt: [[(q) => q.rangeLt('span', '[5,6)'), [1]]],
  rangeLte: [[(q) => q.rangeLte('span', '[1,6)'), [1]]],
  rangeAdjacent: [[(q) => q.rangeAdjacent('span', '[9,12)'), [2]]],
  textSearch: [
    [(q) => q.textSearch('words', `'fat' & 'cat'`), [1]],
    [(q) => q.textSearch('words', 'fat cats', { type: 'plain', config: 'english' }), [1]],
    [(q) => q.textSearch('words', 'fat cats', { type: 'phrase', config: 'english' }), [1]],
    [(q) => q.textSearch('words', 'cats or barks', { type: 'websearch', config: 'english' }), [1, 2]],
  ],
  match: [[(q) => q.match({ flag: true, feeling: 'good' }), [1]]],
  not: [
    [(q) => q.not('id', 'in', '(1,2)'), [3, 4]],
    [(q) => q.not('text_', 'is', null), [1, 2, 4]],
  ],
  or: [
    [(q) => q.or('id.eq.1,and(id.gt.2,text_.is.null)'), [1, 3]],
    [(q) => q.or('text_.in.("one, two",x),id.eq.4'), [1, 4]],
  ],
  filter: [
    [(q) => q.filter('id', 'gte', 4), [4]],
    [(q) => q.filter('jsonb_->>k-ey', 'eq', '5'), [1]],
  ],
};

describe('filters', () => {
  const each = Object.entries(FILTERS).flatMap(([name, list]) => list.map((one) => [name, ...one] as const));
  test.each(each)('%s', async (_, narrow, ids) => {
    const { data, error } = await narrow(from('samples').select('id')).order('id');
    expect([error, data]).toEqual([null, ids.map((id) => ({ id }))]);
  });

  test('of embeds, by their table', async () => {
    const query = () => from('owners').select('name, budgets(id)').order('id');
    expect((await query().eq('budgets.kind', 'a')).data).toEqual([
      { name: 'Sue', budgets: [{ id: 1 }] },
      { name: 'Tom', budgets: [{ id: 3 }] },
      { name: 'None', budgets: [] },
    ]);
    expect((await query().or('id.eq.2,kind.eq.b', { referencedTable: 'budgets' })).data?.slice(0, 2)).toEqual([
      { name: 'Sue', budgets: [{ id: 2 }] },
      { name: 'Tom', budgets: [] },
    ]);
    expect((await query().not('budgets', 'is', null)).data).toHaveLength(2);
  });
});

type Check = () => Promise<void>;

const QUERIES: Record<string, Check> = {
  select: async () => {
    expect((await from('places').select().eq('id', 1)).data).toEqual([{ id: 1, name: 'Rome' }]);
    const head = await from('places').select('*', { count: 'exact', head: true });
    expect([head.data, head.count, head.status]).toEqual([null, 3, 200]);
    expect((await from('places').select('id', { count: 'planned' })).count).toEqual(expect.any(Number));
    expect((await from('places').select('id', { count: 'estimated' }).limit(1)).count).toEqual(expect.any(Number));
    // The spaces and lines of a select are taken out by the client, but for those in quotes.
    expect((await from('samples').select('id,\n  odd: "odd name"').eq('id', 1)).data).toEqual([{ id: 1, odd: 'o1' }]);
  },
  insert: async () => {
    expect(await from('labels').insert({ id: 90, name: 'x' })).toMatchObject({ status: 201, data: null, error: null });
    const many = await from('labels')
      .insert([{ id: 91, name: 'y' }, { id: 92 }], { count: 'exact' })
      .select();
    expect([many.count, many.data]).toEqual([
      2,
      [
        { id: 91, name: 'y' },
        { id: 92, name: null },
      ],
    ]);
    const defaulted = await from('fills')
      .insert([{ name: 'a' }, { n: 3 }], { defaultToNull: false })
      .select('name, n');
    expect(defaulted.data).toEqual([
      { name: 'a', n: 12 },
      { name: 'unnamed', n: 3 },
    ]);
    expect(await from('labels').insert({ id: 90 })).toMatchObject({ status: 409, error: { code: '23505' } });
  },
  upsert: async () => {
    const merged = await from('pairs_of').upsert({ a: 1, b: 'Rock & R+ll', note: 'z' }).select();
    expect([merged.status, merged.data]).toEqual([200, [{ a: 1, b: 'Rock & R+ll', note: 'z' }]]);
    const ignored = await from('pairs_of')
      .upsert(
        [
          { a: 1, b: 'Rock & R+ll', note: 'no' },
          { a: 2, b: 'c' },
        ],
        { ignoreDuplicates: true, count: 'exact' },
      )
      .select();
    expect([ignored.status, ignored.count, ignored.data]).toEqual([201, 1, [{ a: 2, b: 'c', note: null }]]);
    const options = { onConflict: 'key1,key2', defaultToNull: false };
    expect((await from('uniques').upsert({ id: 1, key1: 1, key2: 1, value: 'B' }, options).select()).data).toEqual([
      { id: 1, key1: 1, key2: 1, value: 'B' },
    ]);
  },
  update: async () => {
    const updated = await from('uniques').update({ value: 'C' }, { count: 'exact' }).eq('id', 1).select('value');
    expect([updated.status, updated.count, updated.data]).toEqual([200, 1, [{ value: 'C' }]]);
    expect(await from('uniques').update({ value: 'D' }).eq('id', 77)).toMatchObject({ status: 204, error: null });
  },
  delete: async () => {
    await from('labels').insert({ id: 95 });
    const deleted = await from('labels').delete({ count: 'exact' }).eq('id', 95).select();
    expect([deleted.count, deleted.data]).toEqual([1, [{ id: 95, name: null }]]);
    expect((await from('labels').delete().eq('id', 95)).status).toBe(204);
  },
};

const TRANSFORMS: Record<string, Check> = {
  select: QUERIES['select'] as Check,
  order: async () => {
    const ids = async (query: PromiseLike<{ data: unknown }>) =>
      ((await query).data as Array<{ id: number }>).map(({ id }) => id);
    expect(await ids(from('samples').select('id').order('id', { ascending: false }))).toEqual([4, 3, 2, 1]);
    const last = { ascending: true, nullsFirst: false };
    expect(await ids(from('samples').select('id').order('select', { nullsFirst: true }).order('id'))).toEqual([
      2, 3, 4, 1,
    ]);
    expect(await ids(from('samples').select('id').order('text_', last))).toEqual([4, 1, 2, 3]);
    const related = from('trips').select('id, origin(name)').order('origin(name)', { ascending: false });
    expect(await ids(related)).toEqual([1, 2, 3]);
    const inner = from('owners').select('budgets(id)').eq('id', 1);
    expect((await inner.order('id', { referencedTable: 'budgets', ascending: false })).data).toEqual([
      { budgets: [{ id: 2 }, { id: 1 }] },
    ]);
  },
  limit: async () => {
    expect((await from('places').select('id').order('id').limit(1)).data).toEqual([{ id: 1 }]);
    const inner = from('owners').select('budgets(id)').eq('id', 1).order('id', { referencedTable: 'budgets' });
    expect((await inner.limit(1, { referencedTable: 'budgets' })).data).toEqual([{ budgets: [{ id: 1 }] }]);
  },
  range: async () => {
    expect((await from('places').select('id').order('id').range(1, 2)).data).toEqual([{ id: 2 }, { id: 3 }]);
    const inner = from('owners').select('budgets(id)').eq('id', 1).order('id', { referencedTable: 'budgets' });
    expect((await inner.range(1, 1, { referencedTable: 'budgets' })).data).toEqual([{ budgets: [{ id: 2 }] }]);
    const beyond = await from('places').select('id', { count: 'exact' }).range(9, 10);
    expect(beyond).toMatchObject({ status: 416, error: { code: 'PGRST103' } });
  },
  abortSignal: async () => {
    const query = from('places').select('id').abortSignal(AbortSignal.abort());
    expect((await query).error?.message).toContain('AbortError');
    expect((await from('places').select('id').abortSignal(new AbortController().signal)).error).toBeNull();
  },
  single: async () => {
    expect((await from('places').select('id').eq('id', 1).single()).data).toEqual({ id: 1 });
    const many = await from('places').select('id').single();
    expect(many).toMatchObject({ status: 406, error: { code: 'PGRST116', details: 'The result contains 3 rows' } });
  },
  maybeSingle: async () => {
    expect((await from('places').select('id').eq('id', 1).maybeSingle()).data).toEqual({ id: 1 });
    expect(await from('places').select('id').eq('id', 9).maybeSingle()).toMatchObject({ data: null, error: null });
    expect((await from('places').select('id').maybeSingle()).error?.code).toBe('PGRST116');
    const written = await from('uniques').update({ value: 'E' }).eq('id', 77).select().maybeSingle();
    expect(written).toMatchObject({ data: null, error: null });
  },
  csv: async () => {
    expect((await from('places').select('id,name').order('id').csv()).data).toBe('id,name\n1,Rome\n2,Oslo\n3,Lima');
  },
  geojson: async () => {
    const none = await from('places').select().geojson();
    expect(none).toMatchObject({ status: 404, error: { code: '42883' } });
    // What PostGIS has, as far as the answer goes.
    await server.sql(`create function public.st_asgeojson(r record) returns text language plpgsql
      as $$ begin return json_build_object('type', 'Feature', 'properties', r); end $$`);
    expect((await from('places').select().eq('id', 1).geojson()).data).toEqual({
      type: 'FeatureCollection',
      features: [{ type: 'Feature', properties: { id: 1, name: 'Rome' } }],
    });
  },
  explain: async () => {
    expect((await from('places').select().explain()).data).toContain('cost=');
    const json = await from('places').select().explain({ format: 'json', analyze: true, verbose: true, buffers: true });
    expect(json.data).toMatchObject([{ Plan: { 'Actual Rows': 1 } }]);
  },
  rollback: async () => {
    const { data } = await from('labels').insert({ id: 96 }).select().rollback();
    expect(data).toEqual([{ id: 96, name: null }]);
    expect((await from('labels').select().eq('id', 96)).data).toEqual([]);
  },
  returns: async () => {
    // Types alone: nothing of it is sent.
    expect((await from('places').select('id').eq('id', 1).returns<Array<{ id: number }>>()).data).toEqual([{ id: 1 }]);
  },
  maxAffected: async () => {
    // The types have it for PostgREST 13 and later alone, which untyped clients do not name.
    const sent = (query: object): PromiseLike<unknown> => query as PromiseLike<unknown>;
    const labels = () => from('labels').update({ name: 'red' });
    const refused = { status: 400, error: { code: 'PGRST124' } };
    expect(await sent(labels().in('id', [1, 2]).maxAffected(1))).toMatchObject(refused);
    expect(await sent(labels().eq('id', 1).maxAffected(1))).toMatchObject({ error: null });
    const called = server.supabase.rpc('makes_place', { id: 50, name: 'x' });
    expect(await sent(called.maxAffected(0))).toMatchObject(refused);
  },
};

const BUILDERS: Record<string, Check> = {
  throwOnError: async () => {
    await expect(from('nowhere').select().throwOnError()).rejects.toMatchObject({ code: 'PGRST205' });
  },
  setHeader: async () => {
    const { data } = await from('places').select('id').setHeader('Range', '1-1').order('id');
    expect(data).toEqual([{ id: 2 }]);
  },
  stripNulls: async () => {
    const first = from('samples').select('id,text_').eq('id', 3).stripNulls();
    expect((await first).data).toEqual([{ id: 3 }]);
    expect((await from('samples').select('id,text_').eq('id', 3).stripNulls().single()).data).toEqual({ id: 3 });
  },
  overrideTypes: async () => {
    expect((await from('places').select('id').eq('id', 1).overrideTypes<Array<{ id: string }>>()).data).toEqual([
      { id: 1 },
    ]);
  },
  returns: TRANSFORMS['returns'] as Check,
  retry: async () => {
    expect((await from('places').select('id').eq('id', 1).retry(true)).data).toEqual([{ id: 1 }]);
    expect((await from('nowhere').select().retry(false)).error?.code).toBe('PGRST205');
  },
};

const CLIENTS: Record<string, Check> = {
  from: async () => {
    expect((await from('places').select('id').eq('id', 2)).data).toEqual([{ id: 2 }]);
  },
  schema: async () => {
    const hidden = server.client({ key: server.keys.serviceRoleKey }).schema('hidden');
    expect((await hidden.from('labels_of').select('label_id').order('label_id')).error?.code).toBe('42501');
    const other = await server.supabase
      .schema('elsewhere' as 'public')
      .from('x')
      .select();
    expect(other).toMatchObject({
      status: 406,
      error: {
        code: 'PGRST106',
        message: 'Invalid schema: elsewhere',
        hint: 'Only the following schemas are exposed: public, hidden',
      },
    });
  },
  rpc: async () => {
    const rpc = server.supabase.rpc.bind(server.supabase);
    expect((await rpc('inc', { a: 1 })).data).toBe(2);
    expect((await rpc('inc', { a: 1, b: 5 }, { get: true })).data).toBe(6);
    const wide = { char_: 'abc', bits_: '101', chars: ['d', 'e f'] };
    const shown = { char: 'abc', bits: '101', chars: ['d', 'e f'] };
    expect((await rpc('wide', wide)).data).toEqual(shown);
    expect((await rpc('wide', wide, { get: true })).data).toEqual(shown);
    const head = await rpc('places_from', { min: 2 }, { head: true, count: 'exact' });
    expect([head.data, head.count]).toEqual([null, 2]);
    const rows = await rpc('places_from', { min: 1 }, { count: 'exact' })
      .select('name')
      .gt('id', 1)
      .order('id')
      .limit(1);
    expect([rows.count, rows.data]).toEqual([2, [{ name: 'Oslo' }]]);
    expect((await rpc('the_place', { id: 1 }).select('trips!trips_origin_fkey(id)')).data).toEqual({
      trips: [{ id: 1 }],
    });
    expect((await rpc('nothing_like_it')).error).toMatchObject({ code: 'PGRST202' });
  },
};

describe.each([
  ['a query', QUERIES],
  ['a transform', TRANSFORMS],
  ['any request', BUILDERS],
  ['the client', CLIENTS],
])('%s', (_, checks) => {
  test.each(Object.entries(checks))('%s', async (__, expectAll) => expectAll());
});

test('no method is left out', () => {
  const client = server.supabase.schema('public');
  const query = client.from('x');
  const filter = query.select();
  const names = (value: object): string[] => Object.getOwnPropertyNames(value).filter((name) => !SILENT.has(name));
  const prototypes: object[] = [];
  for (
    let at: object | null = Object.getPrototypeOf(filter);
    at && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    prototypes.push(at);
  }
  const [filters = {}, transforms = {}, builder = {}] = prototypes;
  const sorted = (list: readonly string[]): string[] => list.toSorted();
  expect(sorted(names(filters))).toEqual(sorted([...Object.keys(FILTERS), 'throwOnError']));
  expect(sorted(names(transforms))).toEqual(sorted([...Object.keys(TRANSFORMS), 'throwOnError']));
  expect(sorted(names(builder))).toEqual(sorted(Object.keys(BUILDERS)));
  expect(sorted(names(Object.getPrototypeOf(query) as object))).toEqual(sorted(Object.keys(QUERIES)));
  expect(sorted(names(Object.getPrototypeOf(client) as object))).toEqual(sorted(Object.keys(CLIENTS)));
});
/** Not for those who ask. */
const SILENT = new Set(['constructor', 'then', 'cloneRequestState', 'processResponse']);

import type { SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/foundation/core/observe.ts';
import { buildStandinSource } from '../../src/operator/demo/standin/build.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

/** What a front end of a marketplace asks of the tables that a hosted project has. */
let server: RestServer;
let admin: SupabaseClient;
const context = { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };

beforeAll(async () => {
  server = await startRestServer('', {}, async (session) => {
    await buildStandinSource(session, { rows: 5000, seed: 7, specimens: false }, context);
  });
  admin = server.client({ key: server.keys.serviceRoleKey });
});
afterAll(() => server?.stop());

test('a shop window: products with their store, versions and reviews', async () => {
  const { data, error, count } = await admin
    .from('products')
    .select('id,title,price,stores(store_name,store_slug),product_versions(version_number),product_reviews(rating)', {
      count: 'exact',
    })
    .gt('price', 0)
    .order('created_at', { ascending: false })
    .range(0, 9);
  expect(error).toBeNull();
  expect(data).toHaveLength(10);
  expect(count).toBeGreaterThan(10);
  expect(data?.[0]).toMatchObject({
    title: expect.any(String) as string,
    product_versions: expect.any(Array) as unknown[],
  });
});

test('search, and a function that reads', async () => {
  const found = await admin.from('products').select('id,title').or('title.ilike.%a%,description.ilike.%a%').limit(3);
  expect(found).toMatchObject({ error: null, status: 200 });
  const id = found.data?.[0]?.id as string;
  const rating = await admin.rpc('get_product_review_count', { product_uuid: id });
  expect(rating).toMatchObject({ error: null, data: expect.any(Number) as number });
});

test('every table is served to the service role, and none of them fails', async () => {
  const { json } = await server.ask('/', { headers: { apikey: server.keys.serviceRoleKey } });
  const tables = Object.keys((json as { definitions: object }).definitions);
  expect(tables.length).toBeGreaterThan(50);
  for (const table of tables) {
    const { error } = await admin.from(table).select('*', { count: 'exact' }).limit(1);
    expect([table, error]).toEqual([table, null]);
  }
});

test('a write of a user passes his row policies or is refused', async () => {
  const { data: users } = await admin.from('profiles').select('*').limit(1);
  expect(users).toHaveLength(1);
  const refused = await server.supabase.from('products').insert({ title: 'x', price: 1, category: 'x' });
  expect(refused).toMatchObject({ status: 401, error: { code: '42501' } });
});

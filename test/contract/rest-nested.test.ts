/** Nested inserts: rows with what they refer to and what refers to them, in one transaction. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startRestServer, type Answer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer('test/fixtures/beyond.sql');
});
afterAll(() => server?.stop());
beforeEach(() => server.sql('truncate customers, orders, order_lines, line_notes, order_tags, tags cascade'));

const count = async (table: string): Promise<number> => {
  const { json } = await server.ask(`/${table}?select=*`, { headers: { apikey: server.keys.serviceRoleKey } });
  return (json as unknown[]).length;
};

describe('a nested insert', () => {
  const insert = async (
    target: string,
    body: unknown,
    prefer = 'return=representation',
    headers = {},
  ): Promise<Answer> =>
    server.ask(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: `nested=insert,${prefer}`, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const ORDER = {
    note: 'first',
    customers: { name: 'Ada', total: 3 },
    order_lines: [
      { position: 1, amount: 10, line_notes: [{ body: 'fragile' }, { body: 'blue' }] },
      { position: 2, amount: 20 },
    ],
  };

  test('puts parents before and children after, and shows what the select asks for', async () => {
    const { status, json, headers } = await insert(
      '/orders?select=note,customers(name,tier),order_lines(position,line_notes(body))&order_lines.order=position.desc',
      ORDER,
    );
    expect({ status, json }).toEqual({
      status: 201,
      json: [
        {
          note: 'first',
          customers: { name: 'Ada', tier: 'basic' },
          order_lines: [
            { position: 2, line_notes: [] },
            { position: 1, line_notes: [{ body: 'fragile' }, { body: 'blue' }] },
          ],
        },
      ],
    });
    expect(headers.get('preference-applied')).toBe('return=representation, nested=insert');
  });

  test('takes several rows, of which each keeps its own', async () => {
    const { json } = await insert('/customers?select=name,tier,orders(note)', [
      { name: 'A', orders: [{ note: 'a1' }, {}] },
      { name: 'B', tier: 'gold' },
      { name: 'C', orders: { note: 'c1' } },
    ]);
    expect(json).toEqual([
      { name: 'A', tier: 'basic', orders: [{ note: 'a1' }, { note: 'none' }] },
      { name: 'B', tier: 'gold', orders: [] },
      { name: 'C', tier: 'basic', orders: [{ note: 'c1' }] },
    ]);
  });

  test('comes from the real client as it is documented, one row or a list', async () => {
    const from = (table: string) => server.client({ key: server.keys.serviceRoleKey }).from(table);
    const wish = ['Prefer', 'nested=insert,return=representation'] as const;
    const one = await from('orders')
      .insert({ note: 'first', customers: { name: 'Ada' }, order_lines: [{ position: 1, amount: 10 }] })
      .select('note,customers(name),order_lines(position)')
      .setHeader(...wish);
    expect(one).toMatchObject({
      status: 201,
      data: [{ note: 'first', customers: { name: 'Ada' }, order_lines: [{ position: 1 }] }],
    });
    const list = await from('customers')
      .insert([
        { name: 'A', orders: [{}] },
        { name: 'B', tier: 'gold' },
      ])
      .select('name,tier,orders(note)')
      .setHeader(...wish);
    expect(list).toMatchObject({
      status: 201,
      data: [
        { name: 'A', tier: 'basic', orders: [{ note: 'none' }] },
        { name: 'B', orders: [] },
      ],
    });
    const single = await from('customers')
      .insert({ name: 'C', orders: [{}] })
      .select('name')
      .single()
      .setHeader(...wish);
    expect(single).toMatchObject({ status: 201, data: { name: 'C' } });
  });

  test('without representation has no body; with the object type, one object', async () => {
    const minimal = await insert('/customers', { name: 'A', orders: [{}] }, 'return=minimal');
    expect([minimal.status, minimal.text]).toEqual([201, '']);
    const one = await insert('/customers?select=name', { name: 'B', orders: [{}] }, 'return=representation', {
      accept: 'application/vnd.pgrst.object+json',
    });
    expect(one.json).toEqual({ name: 'B' });
    expect(await count('orders')).toBe(2);
  });

  test('keeps every digit, also of keys', async () => {
    const { json } = await insert(
      '/customers?select=id::text,total::text,orders(customer_id::text)',
      '{"id":9007199254740993,"name":"n","total":12345678901234567890.5,"orders":[{}]}',
    );
    expect(json).toEqual([
      { id: '9007199254740993', total: '12345678901234567890.5', orders: [{ customer_id: '9007199254740993' }] },
    ]);
  });

  test('that fails anywhere leaves nothing', async () => {
    const lines = [{ position: 1, amount: -1 }];
    const { status, json } = await insert('/orders', { customers: { name: 'A' }, order_lines: lines });
    expect([status, (json as { code: string }).code]).toEqual([400, '23514']);
    expect([await count('customers'), await count('orders')]).toEqual([0, 0]);
  });

  test.each<[string, unknown, string]>([
    ['a key that is nothing', { note: 'x', nothing: [{}] }, 'PGRST204'],
    ['rows beyond a table between', { customer_id: 1, tags: [{ id: 1 }] }, 'PGRST127'],
    ['two parents by one key', { customers: [{ name: 'A' }, { name: 'B' }] }, 'PGRST102'],
    ['what is no row', { order_lines: [1] }, 'PGRST102'],
  ])('of %s is refused', async (_, body, code) => {
    const { status, json } = await insert('/orders', body);
    expect([status, (json as { code: string }).code]).toEqual([400, code]);
  });

  test('is what PostgREST says unless it is asked for', async () => {
    const plain = await server.ask('/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ORDER),
    });
    expect(plain).toMatchObject({ status: 400, json: { code: 'PGRST204' } });
    const flat = await insert('/customers?select=name', { name: 'flat' });
    expect(flat).toMatchObject({ status: 201, json: [{ name: 'flat' }] });
    expect(flat.headers.get('preference-applied')).toBe('return=representation');
  });
});

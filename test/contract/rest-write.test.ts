import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest.sql'), {
    rest: { schemas: ['public'], txEnd: 'commit-allow-override', planEnabled: true },
  });
  await server.sql(
    'create table notes (id int primary key, body text default $$none$$, rank int default 5, kind text)',
  );
  await server.sql('grant all on notes to anon');
});
afterAll(() => server?.stop());
beforeEach(() => server.sql(`truncate notes; insert into notes values (1, 'one', 1, 'a'), (2, 'two', 2, 'a')`));

const send = (method: string, target: string, body?: unknown, headers: Record<string, string> = {}) =>
  server.ask(target, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const notes = async () => (await server.supabase.from('notes').select('id,body,rank').order('id')).data;
const representation = { prefer: 'return=representation' };

describe('insert', () => {
  test('through the client', async () => {
    const { supabase } = server;
    expect(await supabase.from('notes').insert({ id: 3, body: 'x' })).toMatchObject({
      status: 201,
      data: null,
      error: null,
    });
    const several = await supabase
      .from('notes')
      .insert([{ id: 4, body: 'y' }, { id: 5 }])
      .select('id,body,rank');
    expect(several.data).toEqual([
      { id: 4, body: 'y', rank: 5 },
      { id: 5, body: null, rank: 5 },
    ]);
    const filled = await supabase
      .from('notes')
      .insert([{ id: 6, rank: 1 }, { id: 7 }], { defaultToNull: false })
      .select();
    expect(filled.data).toEqual([
      { id: 6, body: 'none', rank: 1, kind: null },
      { id: 7, body: 'none', rank: 5, kind: null },
    ]);
    const one = await supabase.from('notes').insert({ id: 8 }).select('id,rank').single();
    expect(one).toMatchObject({ status: 201, data: { id: 8, rank: 5 } });
    expect(await supabase.from('notes').insert({ id: 8 })).toMatchObject({
      status: 409,
      error: { code: '23505', message: 'duplicate key value violates unique constraint "notes_pkey"' },
    });
    expect(await supabase.from('notes').insert({ id: 9, nope: 1 })).toMatchObject({
      status: 400,
      error: { code: 'PGRST204', message: "Could not find the 'nope' column of 'notes' in the schema cache" },
    });
    const counted = await supabase.from('notes').insert([{ id: 10 }, { id: 11 }], { count: 'exact' });
    expect(counted).toMatchObject({ count: 2, status: 201 });
  });

  test('with what belongs to the new row', async () => {
    const { data } = await server.supabase
      .from('projects')
      .insert({ name: 'New', client_id: 2 })
      .select('name,full_label,clients(name),tasks(id),lead_tasks(id)')
      .single();
    expect(data).toEqual({ name: 'New', full_label: 'New!', clients: { name: 'Apple' }, tasks: [], lead_tasks: null });
    await server.supabase.from('projects').delete().eq('name', 'New');
  });

  test('bodies of every kind', async () => {
    const created = await send('POST', '/notes', { id: 20 }, { prefer: 'return=headers-only' });
    expect([created.status, created.headers.get('location')]).toEqual([201, '/notes?id=eq.20']);
    expect((await send('POST', '/notes', [], representation)).json).toEqual([]);
    expect((await send('POST', '/notes', [{ id: 21 }, { id: 22, rank: 1 }])).json).toMatchObject({
      code: 'PGRST102',
      message: 'All object keys must match',
    });
    expect((await send('POST', '/notes', '{')).json).toMatchObject({
      code: 'PGRST102',
      message: 'Empty or invalid json',
    });
    expect((await send('POST', '/notes?columns=id', '[{')).json).toMatchObject({ code: '22P02' });
    const csv = { 'content-type': 'text/csv', ...representation };
    expect((await send('POST', '/notes', 'id,body\n23,"a,""b"""\n24,NULL', csv)).json).toMatchObject([
      { id: 23, body: 'a,"b"' },
      { id: 24, body: null },
    ]);
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...representation };
    expect((await send('POST', '/notes', 'id=25&body=a+b', form)).json).toMatchObject([{ id: 25, body: 'a b' }]);
    expect((await send('POST', '/big?columns=id', { id: 5000, n: 1 }, representation)).json).toEqual([
      { id: 5000, doc: 'none', n: 7 },
    ]);
    await server.sql('delete from big where id = 5000');
  });
});

describe('upsert', () => {
  test('merges, ignores and counts', async () => {
    const { supabase } = server;
    const merged = await supabase
      .from('notes')
      .upsert([
        { id: 2, body: 'zwei' },
        { id: 3, body: 'drei' },
      ])
      .select('id,body');
    expect(merged).toMatchObject({
      status: 201,
      data: [
        { id: 2, body: 'zwei' },
        { id: 3, body: 'drei' },
      ],
    });
    expect(await supabase.from('notes').upsert({ id: 3, body: 'x' })).toMatchObject({ status: 200 });
    const ignored = await supabase.from('notes').upsert({ id: 3, body: 'y' }, { ignoreDuplicates: true }).select();
    expect(ignored).toMatchObject({ status: 201, data: [] });
    const named = await supabase.from('users').upsert({ id: 1, name: 'Angela' }, { onConflict: 'name' }).select('id');
    expect(named.data).toEqual([{ id: 1 }]);
    expect(await notes()).toContainEqual({ id: 3, body: 'x', rank: 5 });
  });

  test('by PUT', async () => {
    const put = (target: string, body: unknown, headers = {}) => send('PUT', target, body, headers);
    expect((await put('/notes?id=eq.1', { id: 1, body: 'eins' })).status).toBe(204);
    const made = await put('/notes?id=eq.30', { id: 30, body: 'x' }, representation);
    expect([made.status, made.json]).toMatchObject([201, [{ id: 30 }]]);
    expect((await put('/notes?id=eq.1', { id: 31 })).json).toMatchObject({ code: 'PGRST115' });
    expect((await put('/notes?id=gt.1', { id: 31 })).json).toMatchObject({ code: 'PGRST105' });
    expect((await put('/notes?id=eq.1&limit=1', { id: 1 })).json).toMatchObject({ code: 'PGRST114' });
    expect(await notes()).toMatchObject([{ id: 1, body: 'eins' }, { id: 2 }, { id: 30 }]);
  });
});

describe('update and delete', () => {
  test('through the client', async () => {
    const { supabase } = server;
    expect(await supabase.from('notes').update({ body: 'new' }).eq('id', 1)).toMatchObject({ status: 204, data: null });
    expect(await supabase.from('notes').update({ body: 'new' }).eq('id', 99).select()).toMatchObject({
      status: 200,
      data: [],
    });
    const changed = await supabase
      .from('notes')
      .update({ rank: 9 }, { count: 'exact' })
      .or('id.eq.1,id.eq.2')
      .select('id');
    expect(changed).toMatchObject({ count: 2, data: [{ id: 1 }, { id: 2 }] });
    expect(await supabase.from('notes').delete({ count: 'exact' }).gt('id', 1)).toMatchObject({
      status: 204,
      count: 1,
    });
    expect(await supabase.from('notes').delete().eq('id', 1).select('body').single()).toMatchObject({
      data: { body: 'new' },
    });
    expect(await notes()).toEqual([]);
  });

  test('what must not be kept is rolled back', async () => {
    const { supabase } = server;
    const two = await supabase.from('notes').update({ body: 'x' }).gt('id', 0).select().single();
    expect(two).toMatchObject({ status: 406, error: { code: 'PGRST116' } });
    const many = await Promise.resolve(
      supabase.from('notes').update({ body: 'x' }).gt('id', 0).maxAffected(1) as object,
    );
    expect(many).toMatchObject({ status: 400, error: { code: 'PGRST124', details: 'The query affects 2 rows' } });
    const tried = await send('DELETE', '/notes?id=eq.1', undefined, { prefer: 'return=representation, tx=rollback' });
    expect(tried.json).toMatchObject([{ id: 1 }]);
    expect(tried.headers.get('preference-applied')).toBe('return=representation, tx=rollback');
    expect(await notes()).toEqual([
      { id: 1, body: 'one', rank: 1 },
      { id: 2, body: 'two', rank: 2 },
    ]);
  });

  test('an empty change changes nothing', async () => {
    expect((await send('PATCH', '/notes?id=eq.1', {}, representation)).json).toEqual([]);
    expect((await send('PATCH', '/notes?id=eq.1', { body: null, rank: 0 }, representation)).json).toMatchObject([
      { body: null, rank: 0 },
    ]);
  });

  test('preferences', async () => {
    const strict = await send('PATCH', '/notes?id=eq.1', { rank: 3 }, { prefer: 'handling=strict, anything=else' });
    expect(strict.json).toMatchObject({ code: 'PGRST122', details: 'Invalid preferences: anything=else' });
    const all = await send(
      'PATCH',
      '/notes?id=eq.1',
      { rank: 3 },
      {
        prefer: 'count=exact, return=minimal, missing=default, handling=lenient, timezone=Europe/Paris',
      },
    );
    expect(all.headers.get('preference-applied')).toBe(
      'missing=default, return=minimal, count=exact, handling=lenient, timezone=Europe/Paris',
    );
    expect(all.headers.get('content-range')).toBe('0-0/1');
  });
});

describe('functions', () => {
  test('through the client', async () => {
    const { supabase } = server;
    const value = async (call: PromiseLike<{ data: unknown; error: unknown }>) => {
      const { data, error } = await call;
      return error ?? data;
    };
    expect(await value(supabase.rpc('add_them', { a: 1, b: 2 }))).toBe(3);
    expect(await value(supabase.rpc('add_them', { a: 1 }))).toBe(11);
    expect(await value(supabase.rpc('add_them', { a: 1, b: 4 }, { get: true }))).toBe(5);
    expect(await value(supabase.rpc('names'))).toEqual(['Microsoft', 'Apple', 'Nobody']);
    expect(await value(supabase.rpc('pairs').eq('k', 2))).toEqual([{ k: 2, v: 'b' }]);
    expect(await value(supabase.rpc('all_projects').select('name,full_label,clients(name)').eq('id', 1))).toEqual([
      { name: 'Windows 7', full_label: 'Windows 7!', clients: { name: 'Microsoft' } },
    ]);
    expect(await value(supabase.rpc('one_project', { wanted: 3 }).select('id,tasks(id)'))).toEqual({
      id: 3,
      tasks: [{ id: 4 }],
    });
    expect(await value(supabase.rpc('nothing'))).toBeNull();
    expect(await value(supabase.rpc('sum_of', { v: [1, 2, 3] }))).toBe(6);
    expect(await value(supabase.rpc('whole', { any: { thing: [1] } }))).toEqual({ any: { thing: [1] } });
    expect(await supabase.rpc('all_projects', {}, { count: 'exact' }).limit(2)).toMatchObject({
      count: 5,
      status: 206,
    });
    expect(await supabase.rpc('all_projects', {}, { head: true, count: 'exact' })).toMatchObject({
      count: 5,
      data: null,
    });
    expect(await value(supabase.rpc('write_client', { i: 50 }).select('id').single())).toEqual({ id: 50 });
    await supabase.from('clients').delete().eq('id', 50);
  });

  test('refusals', async () => {
    expect((await send('POST', '/rpc/add_then', { a: 1 })).json).toEqual({
      code: 'PGRST202',
      message: 'Could not find the function public.add_then(a) in the schema cache',
      details:
        'Searched for the function public.add_then with parameter a or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.',
      hint: 'Perhaps you meant to call the function public.add_them',
    });
    expect(await send('POST', '/rpc/over', { a: 1 })).toMatchObject({ status: 300, json: { code: 'PGRST203' } });
    expect(await send('PATCH', '/rpc/over', { a: 1 })).toMatchObject({ status: 405, json: { code: 'PGRST101' } });
    expect(await server.ask('/rpc/write_client?i=60')).toMatchObject({ status: 405, json: { code: '25006' } });
    const strict = { prefer: 'handling=strict, max-affected=1' };
    expect((await send('POST', '/rpc/add_them', { a: 1 }, strict)).json).toMatchObject({ code: 'PGRST128' });
  });

  test('what the database decides about the answer', async () => {
    const tea = await send('POST', '/rpc/teapot', {});
    expect([tea.status, tea.headers.get('x-tea'), tea.json]).toEqual([418, 'green', 'tea']);
    expect(await send('POST', '/rpc/raise_pt', {})).toMatchObject({
      status: 402,
      json: { code: 'PT402', message: 'Pay', details: 'more', hint: 'now' },
    });
    const own = await send('POST', '/rpc/raise_own', {});
    expect([own.status, own.headers.get('x-powered-by')]).toEqual([332, 'Nerd Rage']);
    expect(own.json).toEqual({ code: '123', message: 'ABC', details: 'DEF', hint: 'XYZ' });
    const odd = await send('POST', '/rpc/raise_odd', {});
    expect([odd.status, odd.json]).toMatchObject([400, { code: 'a\nb' }]);
    expect((await server.ask('/rpc/header_of?h=x-mine', { headers: { 'x-mine': 'yes' } })).json).toBe('yes');
    expect((await server.ask('/rpc/sum_of?v=1&v=2')).json).toBe(3);
  });
});

describe('what else HTTP asks', () => {
  test('OPTIONS and HEAD', async () => {
    const allow = async (target: string) => (await send('OPTIONS', target)).headers.get('allow');
    expect(await allow('/notes')).toBe('OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE');
    expect(await allow('/client_copy')).toBe('OPTIONS,GET,HEAD');
    expect(await allow('/rpc/add_them')).toBe('OPTIONS,GET,HEAD,POST');
    expect(await allow('/rpc/write_client')).toBe('OPTIONS,POST');
    const head = await send('HEAD', '/notes');
    expect([head.status, head.text, head.headers.get('content-range')]).toEqual([200, '', '0-1/*']);
  });

  test('the root describes what may be used', async () => {
    const { json } = await server.ask('/', { headers: { accept: 'application/openapi+json' } });
    expect(json).toMatchObject({
      swagger: '2.0',
      paths: { '/notes': { get: {}, post: {} }, '/rpc/add_them': { post: {} } },
      definitions: { notes: { properties: { id: { type: 'integer', format: 'int32' } } } },
    });
    expect(Object.keys((json as { paths: object }).paths)).not.toContain('/denied');
  });

  test('a table made later is found', async () => {
    await server.sql(`create table later (id int); grant all on later to anon; notify pgrst, 'reload schema'`);
    await expect.poll(async () => (await server.ask('/later')).status).toBe(200);
  });
});

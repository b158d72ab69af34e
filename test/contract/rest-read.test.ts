import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest.sql'), {
    rest: { schemas: ['public', 'other'], aggregatesEnabled: true, planEnabled: true },
  });
});
afterAll(() => server?.stop());

const get = (target: string, headers: Record<string, string> = {}) => server.ask(target, { headers });
/** The bodies of requests, in order. */
const bodies = async (...targets: string[]): Promise<unknown[]> =>
  Promise.all(targets.map(async (target) => (await get(target)).json));

describe('filters', () => {
  test.each([
    ['id=eq.1', [1]],
    ['id=neq.1&id=lt.3', [2]],
    ['id=gte.4', [4, 5]],
    ['id=in.(1,3)', [1, 3]],
    ['id=not.in.(1,3)', [2, 4, 5]],
    ['id=in.()', []],
    ['name=in.("Windows 7",IOS)', [1, 3]],
    ['notes=in.("a,b \\"c\\" (d)")', [4]],
    ['name=like.Windows*', [1, 2]],
    ['name=ilike.*os*', [3, 4]],
    ['name=like(any).{Win*,IOS}', [1, 2, 3]],
    ['name=ilike(all).{*w*,*7}', [1]],
    ['name=match.^O', [4, 5]],
    ['name=imatch.^o', [4, 5]],
    ['price=is.null', [5]],
    ['price=not.is.null&id=lt.3', [1, 2]],
    ['price=is.not_null', [1, 2, 3, 4]],
    ['client_id=isdistinct.1', [3, 4, 5]],
    ['notes=fts.fox', [1]],
    ['notes=plfts(english).quick%20fox', [1]],
    ['notes=wfts(simple).fox%20or%20dog', [1, 2]],
    ['period=ov.[2026-01-15,2026-01-16)', [1]],
    ['period=sl.[2026-02-15,2026-02-16)', [1]],
    ['period=adj.[2026-02-01,2026-02-02)', [1]],
    ['or=(id.eq.1,name.eq.OSX)', [1, 4]],
    ['or=(id.eq.1,and(id.gt.2,id.lt.5,not.or(id.eq.3,id.eq.9)))', [1, 4]],
    ['not.or=(id.eq.1,id.in.(2,3))', [4, 5]],
    ['and=(name.like.*S*,notes.eq."a,b \\"c\\" (d)")', [4]],
    ['state=eq.happy', [1, 4]],
    ['full_label=eq.IOS!', [3]],
    ['id=eq(any).{1,2}', [1, 2]],
    ['id=gt(all).{1,2}', [3, 4, 5]],
  ])('%s', async (query, expected) => {
    const { json } = await get(`/projects?select=id&order=id&${query}`);
    expect(json).toEqual(expected.map((id) => ({ id })));
  });

  test('on arrays and json', async () => {
    expect(
      await bodies(
        '/clients?select=id&tags=cs.{big}&order=id',
        '/clients?select=id&tags=ov.{hard,none}',
        '/clients?select=id&profile->>city=eq.Redmond',
        '/clients?select=id&profile->rank=eq.2',
        '/clients?select=id,profile->>city,x:profile->deep->a->0,tags->1&profile->deep->a->>-1=eq.20',
        '/clients?select=id&profile=cs.{"rank":2}',
        '/clients?select=profile->deep->a&id=eq.1',
      ),
    ).toEqual([
      [{ id: 1 }, { id: 2 }],
      [{ id: 2 }],
      [{ id: 1 }],
      [{ id: 2 }],
      [{ id: 1, city: 'Redmond', x: 10, tags: 'big' }],
      [{ id: 2 }],
      [{ a: [10, 20] }],
    ]);
  });

  test('through the client', async () => {
    const { supabase } = server;
    const ids = async (query: PromiseLike<{ data: Array<{ id: number }> | null; error: unknown }>) => {
      const { data, error } = await query;
      expect(error).toBeNull();
      return data?.map(({ id }) => id);
    };
    const projects = () => supabase.from('projects').select('id').order('id');
    expect(await ids(projects().or('id.eq.1,name.eq.OSX'))).toEqual([1, 4]);
    expect(await ids(projects().in('name', ['IOS', 'a,b']))).toEqual([3]);
    expect(await ids(projects().textSearch('notes', 'fox', { type: 'websearch', config: 'english' }))).toEqual([1]);
    expect(await ids(projects().likeAnyOf('name', ['Win%', 'O%']))).toEqual([1, 2, 4, 5]);
    expect(await ids(projects().not('client_id', 'is', null).range(1, 2))).toEqual([2, 3]);
    expect(await ids(projects().match({ client_id: 2, name: 'IOS' }))).toEqual([3]);
    expect(await ids(supabase.from('clients').select('id').contains('tags', ['big']).order('id'))).toEqual([1, 2]);
    expect(await ids(supabase.from('clients').select('id').contains('profile', { rank: 2 }))).toEqual([2]);
  });
});

describe('select', () => {
  test('aliases, casts, computed fields and quoted names', async () => {
    expect(
      await bodies(
        '/projects?select=n:name,price::text,full_label&id=eq.1',
        '/projects?select= id , "name" &id=eq.1',
        '/project_names?select=label&id=eq.1',
        '/client_copy?id=eq.2',
        '/projects?select=created_at::date&id=eq.1',
        '/projects?select=&id=eq.5',
      ),
    ).toEqual([
      [{ n: 'Windows 7', price: '10.50', full_label: 'Windows 7!' }],
      [{ id: 1, name: 'Windows 7' }],
      [{ label: 'Windows 7' }],
      [{ id: 2, name: 'Apple' }],
      [{ created_at: '2026-01-01' }],
      [expect.objectContaining({ id: 5, name: 'Orphan' })],
    ]);
  });

  test('order', async () => {
    const names = async (order: string) =>
      ((await get(`/projects?select=id&order=${order}`)).json as Array<{ id: number }>).map(({ id }) => id);
    expect(await names('price.desc.nullslast')).toEqual([4, 3, 2, 1, 5]);
    expect(await names('price.nullsfirst,id.desc')).toEqual([5, 1, 2, 3, 4]);
    expect(await names('id.desc&limit=2&offset=1')).toEqual([4, 3]);
    const related = await get('/projects?select=id,clients(name)&order=clients(name).desc.nullslast,id');
    expect((related.json as Array<{ id: number }>).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    expect((await get('/clients?select=id,projects(id)&order=projects(id)')).json).toMatchObject({ code: 'PGRST118' });
  });

  test('aggregates group by the rest', async () => {
    expect(
      await bodies(
        '/projects?select=client_id,price.sum(),n:count()&order=client_id',
        '/projects?select=count()',
        '/projects?select=price.max()::int',
        '/projects?select=id.count(),clients(name)&client_id=eq.1',
        '/tasks?select=done,...projects(price.sum())&order=done',
      ),
    ).toEqual([
      [
        { client_id: 1, sum: 30.5, n: 2 },
        { client_id: 2, sum: 70.25, n: 2 },
        { client_id: null, sum: null, n: 1 },
      ],
      [{ count: 5 }],
      [{ max: 40 }],
      [{ count: 2, clients: { name: 'Microsoft' } }],
      [
        { done: false, sum: 10.5 },
        { done: true, sum: 40.5 },
        { done: null, sum: 20 },
      ],
    ]);
  });
});

describe('embeds', () => {
  test('of every kind', async () => {
    expect(
      await bodies(
        '/projects?select=id,clients(name)&id=in.(1,5)&order=id',
        '/clients?select=id,projects(id)&order=id&projects.order=id.desc',
        '/tasks?select=id,users(name)&order=id&users.order=name&limit=2',
        '/users?select=id,profiles(bio)&order=id&limit=2',
        '/users?select=id,users(id)&order=id',
        '/users?select=id,manager:manager_id(name)&order=id',
        '/users?select=id,manager_id(name)&id=eq.2',
        '/messages?select=id,from:users!messages_sender_fkey(name),to:users!recipient(name)&id=eq.1',
        '/messages?select=sender(name)&id=eq.1',
        '/project_names?select=label,clients(name),tasks(id)&id=eq.1&tasks.order=id',
        '/projects?select=id,lead_tasks(title)&id=eq.1',
        '/clients?select=name,projects(name,tasks(title))&id=eq.2&projects.tasks.title=like.*IOS&projects.order=id',
      ),
    ).toEqual([
      [
        { id: 1, clients: { name: 'Microsoft' } },
        { id: 5, clients: null },
      ],
      [
        { id: 1, projects: [{ id: 2 }, { id: 1 }] },
        { id: 2, projects: [{ id: 4 }, { id: 3 }] },
        { id: 3, projects: [] },
      ],
      [
        { id: 1, users: [{ name: 'Angela' }, { name: 'Dwight' }] },
        { id: 2, users: [{ name: 'Angela' }] },
      ],
      [
        { id: 1, profiles: { bio: 'boss' } },
        { id: 2, profiles: null },
      ],
      [
        { id: 1, users: [{ id: 2 }] },
        { id: 2, users: [{ id: 3 }] },
        { id: 3, users: [] },
      ],
      [
        { id: 1, manager: null },
        { id: 2, manager: { name: 'Angela' } },
        { id: 3, manager: { name: 'Michael' } },
      ],
      [{ id: 2, manager_id: { name: 'Angela' } }],
      [{ id: 1, from: { name: 'Angela' }, to: { name: 'Michael' } }],
      [{ sender: { name: 'Angela' } }],
      [{ label: 'Windows 7', clients: { name: 'Microsoft' }, tasks: [{ id: 1 }, { id: 2 }] }],
      [{ id: 1, lead_tasks: { title: 'Design w7' } }],
      [
        {
          name: 'Apple',
          projects: [
            { name: 'IOS', tasks: [{ title: 'Design IOS' }] },
            { name: 'OSX', tasks: [] },
          ],
        },
      ],
    ]);
  });

  test('that decide which rows come', async () => {
    expect(
      await bodies(
        '/clients?select=id,projects!inner(id)&projects.name=eq.IOS',
        '/projects?select=id,clients!inner(name)&clients.name=eq.Apple&order=id',
        '/clients?select=id&projects=is.null',
        '/clients?select=id,projects()&projects=is.null',
        '/clients?select=id,projects()&projects=not.is.null&order=id',
        '/projects?select=id,clients()&clients=is.null',
        '/projects?select=id,clients(),tasks()&or=(clients.is.null,tasks.is.null)&order=id',
        '/tasks?select=id,users!inner(name)&users.name=eq.Michael',
      ),
    ).toEqual([
      [{ id: 2, projects: [{ id: 3 }] }],
      [
        { id: 3, clients: { name: 'Apple' } },
        { id: 4, clients: { name: 'Apple' } },
      ],
      expect.objectContaining({ code: '42703' }),
      [{ id: 3 }],
      [{ id: 1 }, { id: 2 }],
      [{ id: 5 }],
      [{ id: 4 }, { id: 5 }],
      [{ id: 3, users: [{ name: 'Michael' }] }],
    ]);
  });

  test('that are spread', async () => {
    expect(
      await bodies(
        '/projects?select=id,...clients(client:name)&id=in.(3,5)&order=id',
        '/clients?select=name,...projects(ids:id,name)&id=gt.1&order=id&projects.order=id.desc',
      ),
    ).toEqual([
      [
        { id: 3, client: 'Apple' },
        { id: 5, client: null },
      ],
      [
        { name: 'Apple', ids: [4, 3] },
        { name: 'Nobody', ids: [] },
      ].map((row, at) => expect.objectContaining(at === 0 ? { ids: [4, 3] } : { ids: [] })),
    ]);
  });

  test('that cannot be', async () => {
    expect((await get('/projects?select=id,client(name)')).json).toEqual({
      code: 'PGRST200',
      message: "Could not find a relationship between 'projects' and 'client' in the schema cache",
      details:
        "Searched for a foreign key relationship between 'projects' and 'client' in the schema 'public', but no matches were found.",
      hint: "Perhaps you meant 'clients' instead of 'client'.",
    });
    const ambiguous = await get('/messages?select=users(*)');
    expect(ambiguous.status).toBe(300);
    expect(ambiguous.json).toMatchObject({
      code: 'PGRST201',
      hint: expect.stringContaining("'users!messages_sender_fkey'") as string,
      details: expect.arrayContaining([
        {
          cardinality: 'many-to-one',
          embedding: 'messages with users',
          relationship: 'messages_sender_fkey using messages(sender) and users(id)',
        },
      ]) as unknown,
    });
    expect((await get('/projects?select=id&clients.name=eq.x')).json).toMatchObject({ code: 'PGRST108' });
    expect((await get('/projects?select=id,clients()&clients=eq.1')).json).toMatchObject({ code: '42703' });
  });
});

describe('pages and counts', () => {
  test('status and Content-Range', async () => {
    const shape = async (target: string, headers: Record<string, string> = {}) => {
      const { status, headers: got } = await get(target, headers);
      return [status, got.get('content-range')];
    };
    const exact = { prefer: 'count=exact' };
    expect(await shape('/projects')).toEqual([200, '0-4/*']);
    expect(await shape('/projects?limit=2', exact)).toEqual([206, '0-1/5']);
    expect(await shape('/projects?id=gt.99', exact)).toEqual([200, '*/0']);
    expect(await shape('/projects?offset=9', exact)).toEqual([416, '*/5']);
    expect(await shape('/projects?limit=-1')).toEqual([416, null]);
    expect(await shape('/projects', { range: '1-2', 'range-unit': 'items' })).toEqual([200, '1-2/*']);
    expect(await shape('/projects', { range: '3-1' })).toEqual([416, null]);
    expect(await shape('/big', exact)).toEqual([206, '0-999/1500']);
    expect((await shape('/big', { prefer: 'count=planned' }))[0]).toBe(206);
    expect((await shape('/projects?limit=1', { prefer: 'count=estimated' }))[1]).toBe('0-0/5');
    expect(await shape('/clients?select=id,projects!inner(id)&limit=1', exact)).toEqual([206, '0-0/2']);
  });

  test('through the client', async () => {
    const { supabase } = server;
    const counted = await supabase.from('projects').select('*', { count: 'exact', head: true });
    expect(counted).toMatchObject({ count: 5, data: null, error: null, status: 200 });
    const page = await supabase.from('projects').select('id', { count: 'exact' }).order('id').range(0, 1);
    expect(page).toMatchObject({ count: 5, data: [{ id: 1 }, { id: 2 }], status: 206 });
    expect(await supabase.from('projects').select('id').eq('id', 1).single()).toMatchObject({ data: { id: 1 } });
    expect(await supabase.from('projects').select('id').single()).toMatchObject({
      status: 406,
      error: { code: 'PGRST116', details: 'The result contains 5 rows' },
    });
    expect(await supabase.from('projects').select('id').eq('id', 77).maybeSingle()).toMatchObject({
      data: null,
      error: null,
    });
    const csv = await supabase.from('clients').select('id,name').order('id').csv();
    expect(csv.data).toBe('id,name\n1,Microsoft\n2,Apple\n3,Nobody');
    const plan = await supabase.from('clients').select('id').explain({ format: 'json' });
    expect(plan.data).toMatchObject([{ Plan: expect.any(Object) as object }]);
  });
});

describe('refusals', () => {
  test.each([
    ['/nothing', 404, 'PGRST205'],
    ['/projects/1', 404, 'PGRST125'],
    ['/projects?select=id,', 400, 'PGRST100'],
    ['/projects?id=foo.1', 400, 'PGRST100'],
    ['/projects?or=(id.eq.1', 400, 'PGRST100'],
    ['/projects?order=id.sideways', 400, 'PGRST100'],
    ['/projects?id=eq.x', 400, '22P02'],
    ['/projects?nope=eq.1', 400, '42703'],
    ['/denied', 401, '42501'],
    ['/projects?name=eq.%00', 400, 'PGRST100'],
    ['/projects?name=eq.%ff', 400, 'PGRST100'],
  ])('%s', async (target, status, code) => {
    const answer = await get(target);
    expect(answer.json).toMatchObject({ code });
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.json as object).toSorted()).toEqual(['code', 'details', 'hint', 'message']);
  });

  test('name what was meant', async () => {
    expect((await get('/project')).json).toMatchObject({
      message: "Could not find the table 'public.project' in the schema cache",
      hint: "Perhaps you meant the table 'public.projects'",
    });
    expect((await get('/projects', { accept: 'image/png' })).json).toMatchObject({
      code: 'PGRST107',
      message: 'None of these media types are available: image/png',
    });
    expect((await get('/things', { 'accept-profile': 'nowhere' })).json).toMatchObject({
      code: 'PGRST106',
      hint: 'Only the following schemas are exposed: public, other',
    });
  });

  test('another schema by profile', async () => {
    const { data } = await server.supabase.schema('other').from('things').select();
    expect(data).toEqual([{ id: 1, name: 'elsewhere' }]);
    expect((await get('/things', { 'accept-profile': 'other' })).headers.get('content-profile')).toBe('other');
  });
});

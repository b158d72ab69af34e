import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { literal } from '../../../src/foundation/postgres/sql.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

const ANN = '11111111-1111-4111-8111-111111111111';
const BOB = '22222222-2222-4222-8222-222222222222';

let cluster: TestCluster;
/** The superuser. */
let admin: Session;
/** What the owner connects as: no superuser. */
let owner: Session;
/** What the API connects as. */
let api: Session;

beforeAll(async () => {
  cluster = await startTestCluster();
  const connect = (user?: string): Promise<Session> =>
    Session.open(user === undefined ? cluster.adminAddress : { ...cluster.adminAddress, user }, {
      applicationName: 'platform test',
    });
  admin = await connect();
  await applyTemplates(admin, 'platform');
  await applyTemplates(admin, 'provision');
  owner = await connect('postgres');
  api = await connect('authenticator');
  await owner.script(`
    create table public.notes (id integer primary key, author uuid not null default auth.uid(), body text);
    alter table public.notes enable row level security;
    create policy own on public.notes for all using (auth.uid() = author) with check (auth.uid() = author);
    create policy open on public.notes for select to anon using (body = 'open');
    insert into public.notes values (1, '${ANN}', 'ann'), (2, '${BOB}', 'bob'), (3, '${BOB}', 'open');
    create policy folder on storage.objects for all to authenticated
      using ((storage.foldername(name))[1] = auth.uid()::text and storage.extension(name) = 'png');
    create policy topic on realtime.messages for select to authenticated
      using (realtime.topic() = 'room:' || (auth.jwt() ->> 'room'));
    create policy send on realtime.messages for insert to authenticated
      with check (realtime.topic() = 'room:' || (auth.jwt() ->> 'room'));`);
});
afterAll(async () => {
  await Promise.all([admin, owner, api].map((session) => session.close()));
  await cluster.stop();
});

/** One request as the API makes it: a transaction, the role, the claims. Undone afterwards. */
async function as<T>(role: string, claims: object, body: () => Promise<T>): Promise<T> {
  await api.script(`begin; set local role ${role}; set local request.jwt.claims = ${literal(JSON.stringify(claims))}`);
  try {
    return await body();
  } finally {
    await api.script('rollback');
  }
}

const ann = { sub: ANN, role: 'authenticated', email: 'ann@example.com', room: '7' };

describe('policies of the owner', () => {
  const bodies = (): Promise<unknown[]> => api.rows('select body from public.notes order by id');

  test('a user sees and writes what is their own', async () => {
    expect(await as('authenticated', ann, bodies)).toEqual([{ body: 'ann' }]);
    const insert = `insert into public.notes (id, body) values (9, 'new') returning author`;
    expect(await as('authenticated', ann, () => api.rows(insert))).toEqual([{ author: ANN }]);
    const steal = (): Promise<unknown> => api.rows(`insert into public.notes values (9, '${BOB}', 'not mine')`);
    await expect(as('authenticated', ann, steal)).rejects.toMatchObject({ code: '42501' });
  });

  test('nobody signed in sees what is open, and service_role everything', async () => {
    expect(await as('anon', { role: 'anon' }, bodies)).toEqual([{ body: 'open' }]);
    expect(await as('service_role', { role: 'service_role' }, bodies)).toHaveLength(3);
  });

  test('claims in one variable and in the older one-per-claim form read the same', async () => {
    const who = 'select auth.uid() as uid, auth.role() as role, auth.email() as email';
    const expected = [{ uid: ANN, role: 'authenticated', email: 'ann@example.com' }];
    expect(await as('authenticated', ann, () => api.rows(who))).toEqual(expected);
    await api.script(`begin; set local role authenticated; set local request.jwt.claim.sub = '${ANN}';
      set local request.jwt.claim.role = 'authenticated'; set local request.jwt.claim.email = 'ann@example.com'`);
    expect(await api.rows(who)).toEqual(expected);
    await api.script('rollback');
  });

  test('without claims nobody is anybody, also after a request that had some', async () => {
    // A variable that was set locally reads as '' afterwards, not as null.
    await api.script('begin; set local role anon');
    const rows = await api.rows('select auth.uid() as uid, auth.role() as role, auth.jwt() as jwt');
    await api.script('rollback');
    expect(rows).toEqual([{ uid: null, role: null, jwt: null }]);
  });
});

describe('storage', () => {
  test('policies that call the name functions decide', async () => {
    await admin.script(`insert into storage.buckets (id, name) values ('b', 'b') on conflict do nothing`);
    const insert = (name: string) => () =>
      api.rows(`insert into storage.objects (bucket_id, name) values ('b', $1)`, [name]);
    expect(await as('authenticated', ann, insert(`${ANN}/a/b.png`))).toEqual([]);
    for (const name of [`${BOB}/b.png`, `${ANN}/b.jpg`, ANN, 'b.png']) {
      await expect(as('authenticated', ann, insert(name))).rejects.toMatchObject({ code: '42501' });
    }
  });

  test.each([
    ['a/b/c.tar.gz', ['a', 'b'], 'c.tar.gz', 'gz'],
    ['plain', [], 'plain', 'plain'],
    ['a/', ['a'], '', ''],
  ])('%s has folders %j, file %s and extension %s', async (name, folders, file, extension) => {
    const [row] = await admin.rows(
      'select to_json(storage.foldername($1)) as folders, storage.filename($1) as file, storage.extension($1) as extension',
      [name],
    );
    expect(row).toEqual({ folders, file, extension });
  });

  test('search lists one level: folders first, wildcards taken as letters', async () => {
    await admin.script('begin');
    await admin.script(`insert into storage.buckets (id, name) values ('s', 's'); insert into storage.objects (bucket_id, name)
      select 's', unnest(array['root.txt', 'a/x.txt', 'a/y_1.txt', 'a/yz1.txt', 'a/deep/z.txt', 'B/one.txt'])`);
    const list = async (call: string): Promise<unknown[]> =>
      (
        await admin.rows(
          `select name || case when id is null then '/' else '' end as name from storage.search(${call})`,
        )
      ).map(({ name }) => name);
    expect(await list(`'', 's'`)).toEqual(['B/', 'a/', 'root.txt']);
    expect(await list(`'a/', 's', 100, 2`)).toEqual(['deep/', 'x.txt', 'y_1.txt', 'yz1.txt']);
    expect(await list(`'a/', 's', 100, 2, 0, 'y_'`)).toEqual(['y_1.txt']);
    expect(await list(`'a/', 's', 2, 2, 1, '', 'name', 'desc'`)).toEqual(['yz1.txt', 'y_1.txt']);
    expect(await list(`'a/', 's', 9, 2, 0, '', 'name; drop table x', 'asc'`)).toHaveLength(4);
    await admin.script('rollback');
  });

  test('rows are not deleted by hand', async () => {
    await expect(admin.rows('delete from storage.objects')).rejects.toMatchObject({ code: '42501' });
    await admin.script(`begin; set local storage.allow_delete_query = 'true'; delete from storage.objects; rollback`);
  });
});

describe('realtime', () => {
  test('send stores a message that policies show to its room alone', async () => {
    await admin.rows(`select realtime.send('{"text":"hello"}', 'shout', 'room:7')`);
    const read = (topic: string) => async () => {
      await api.rows(`select set_config('realtime.topic', $1, true)`, [topic]);
      return api.rows(`select event, payload ->> 'text' as text, private from realtime.messages where topic = $1`, [
        topic,
      ]);
    };
    expect(await as('authenticated', ann, read('room:7'))).toEqual([{ event: 'shout', text: 'hello', private: true }]);
    expect(await as('authenticated', { ...ann, room: '8' }, read('room:7'))).toEqual([]);
    expect(await as('anon', { role: 'anon' }, read('room:7'))).toEqual([]);
  });

  test('a send that is refused warns and does not break the transaction', async () => {
    const rows = await as('authenticated', { ...ann, room: '8' }, async () => {
      await api.rows(`select realtime.send('{}', 'shout', 'room:9')`);
      return api.rows('select 1 as still');
    });
    expect(rows).toEqual([{ still: 1 }]);
    expect(await admin.rows(`select from realtime.messages where topic = 'room:9'`)).toEqual([]);
  });

  test('broadcast_changes sends the row that a trigger saw', async () => {
    await owner.script(`
      create function public.tell() returns trigger language plpgsql security definer as $$ begin
        perform realtime.broadcast_changes('notes', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
        return null;
      end $$;
      create trigger tell after update on public.notes for each row execute function public.tell();
      update public.notes set body = 'ANN' where id = 1`);
    const [row] = await admin.rows<{ payload: string }>(
      `select payload::text as payload from realtime.messages where topic = 'notes'`,
    );
    expect(JSON.parse(row?.payload ?? '{}')).toMatchObject({
      operation: 'UPDATE',
      schema: 'public',
      table: 'notes',
      record: { id: 1, body: 'ANN' },
      old_record: { id: 1, body: 'ann' },
    });
  });
});

describe('rights, as on a hosted project', () => {
  test('postgres is no superuser, creates what it likes in public, and the API gets to see it', async () => {
    expect(
      await owner.rows(
        `select rolsuper, rolbypassrls, rolcreaterole, rolreplication from pg_roles where rolname = 'postgres'`,
      ),
    ).toEqual([{ rolsuper: false, rolbypassrls: true, rolcreaterole: true, rolreplication: true }]);
    await owner.script('create table public.fresh (id bigint generated always as identity primary key)');
    expect(await as('anon', {}, () => api.rows('select * from public.fresh'))).toEqual([]);
    await owner.script(
      'create schema shop; create publication mine for table public.fresh; drop schema shop; drop publication mine',
    );
    await owner.script('alter publication supabase_realtime add table public.fresh; drop table public.fresh');
    await owner.script('create trigger on_user after insert on auth.users for each row execute function public.tell()');
  });

  test.each(['anon', 'authenticated', 'service_role'])('%s reads no table of auth and of vectabase', async (role) => {
    for (const table of ['auth.users', 'auth.refresh_tokens', 'auth.oauth_clients', 'vectabase.schema_migrations']) {
      await expect(as(role, ann, () => api.rows(`select from ${table}`))).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('authenticator holds no right of its own', async () => {
    await expect(api.rows('select from public.notes')).rejects.toMatchObject({ code: '42501' });
  });

  test('postgres may not touch the ledger of auth nor become its owner', async () => {
    await expect(owner.rows('delete from auth.schema_migrations')).rejects.toMatchObject({ code: '42501' });
    await expect(owner.rows('set role supabase_auth_admin')).rejects.toMatchObject({ code: '42501' });
    await expect(owner.rows('select pgbouncer.get_auth($1)', ['postgres'])).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the schema auth', () => {
  test('has the tables, indexes and generated columns of a hosted project', async () => {
    const [counts] = await admin.rows(`
      select (select count(*)::int from pg_tables where schemaname = 'auth') as tables,
        (select count(*)::int from pg_indexes where schemaname = 'auth') as indexes,
        (select count(*)::int from pg_class where relnamespace = 'auth'::regnamespace and relkind in ('r', 'S')
          and relowner <> 'supabase_auth_admin'::regrole) as strangers`);
    // As many as 70 of 70 migrations of the vendor's auth server make.
    expect(counts).toEqual({ tables: 23, indexes: 87, strangers: 0 });
    const generated = await admin.rows(`select attrelid::regclass || '.' || attname as name from pg_attribute
      where attgenerated = 's' and attrelid in (select oid from pg_class where relnamespace in ('auth'::regnamespace, 'storage'::regnamespace))
      order by 1`);
    expect(generated.map(({ name }) => name)).toEqual([
      'auth.identities.email',
      'auth.users.confirmed_at',
      'storage.objects.path_tokens',
    ]);
  });

  test('lets one-time codes and empty tokens repeat, but neither links nor addresses', async () => {
    await admin.script('begin');
    const add = (column: string, value: string): Promise<unknown> =>
      admin.rows(`insert into auth.users (id, ${column}) values (gen_random_uuid(), $1)`, [value]);
    for (const same of ['123 456', '']) {
      await add('recovery_token', same);
      await add('recovery_token', same);
    }
    await admin.script('savepoint one');
    for (const [column, same] of [
      ['recovery_token', 'abc'],
      ['email', 'a@b'],
      ['phone', '1'],
    ] as const) {
      await add(column, same);
      await expect(add(column, same)).rejects.toMatchObject({ code: '23505' });
      await admin.script('rollback to one');
    }
    await admin.script('rollback');
  });

  test('forgets a user with everything that hangs on them', async () => {
    await admin.script(`begin; insert into auth.users (id) values ('${ANN}');
      insert into auth.sessions (id, user_id) values ('${BOB}', '${ANN}');
      insert into auth.refresh_tokens (token, session_id) values ('t', '${BOB}');
      insert into auth.identities (provider_id, user_id, identity_data, provider) values ('1', '${ANN}', '{"email":"A@B"}', 'x')`);
    expect(await admin.rows('select email from auth.identities')).toEqual([{ email: 'a@b' }]);
    await admin.script(`delete from auth.users where id = '${ANN}'`);
    const [left] = await admin.rows(
      `select (select count(*)::int from auth.refresh_tokens) as tokens, (select count(*)::int from auth.identities) as identities`,
    );
    await admin.script('rollback');
    expect(left).toEqual({ tokens: 0, identities: 0 });
  });
});

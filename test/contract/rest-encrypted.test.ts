import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ensureKeys } from '../../src/foundation/encryption/key-store.ts';
import { inTransaction } from '../../src/foundation/postgres/transaction.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { eventually, spawnDaemon } from '../support/daemon.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

const SCHEMA = `
create table public.shops (id uuid primary key default gen_random_uuid(), name text not null unique, stripe text, token bytea);
create table public.licences (
  shop text references public.shops (name), number int, key text unique, hint varchar, primary key (shop, number));
insert into public.shops (name, stripe) values ('one', null);
create function public.issue(p_shop text, p_number int, p_key text) returns setof public.licences language sql volatile
  as 'insert into public.licences (shop, number, key) values (p_shop, p_number, p_key) returning *';
create function public.my_keys() returns text[] language sql stable security definer set search_path = ''
  as $$ select array_agg(vectabase.decrypt(key, 'public', 'licences', 'key', shop, number::text)) from public.licences $$;
alter function public.my_keys() owner to postgres;
alter role service_role set enable_seqscan = off;
grant all on all tables in schema public to anon, authenticated, service_role, postgres;
select vectabase.begin_encryption('public', 'shops', 'stripe', 'text', false, '{service_role}', '{id}'),
  vectabase.begin_encryption('public', 'shops', 'token', 'bytea', false, '{service_role}', '{id}'),
  vectabase.begin_encryption('public', 'licences', 'key', 'text', true, '{service_role}', '{shop,number}'),
  vectabase.begin_encryption('public', 'licences', 'hint', 'text', false, '{service_role}', '{shop,number}');
select vectabase.finish_encryption(schema_name, table_name, column_name) from vectabase.encrypted_columns`;

const NASTY = [
  'plain',
  'with "quotes", commas',
  'back\\slash',
  'line\nbreak',
  'Größe €/☃ 💶',
  '',
  'vt1.looks.like.one',
  '{"a":1}',
];

let server: RestServer;
let service: SupabaseClient;
let directory: string;
let masterKeyFile: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'vt-key-'));
  masterKeyFile = path.join(directory, 'master.key');
  const masterKey = randomBytes(32);
  writeFileSync(masterKeyFile, masterKey.toString('hex'), { mode: 0o600 });
  server = await startRestServer('', { masterKeyFile, rest: { planEnabled: true } }, async (admin) => {
    await applyTemplates(admin, 'encryption');
    await inTransaction(admin, () => ensureKeys(admin, masterKey));
    await admin.script(SCHEMA);
  });
  service = server.client({ key: server.keys.serviceRoleKey });
});

beforeEach(() => server.sql(`delete from public.licences; update public.shops set stripe = null, token = null`));

afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true });
});

async function licence(key: string | null, number = 1): Promise<void> {
  const { error } = await service.from('licences').insert({ shop: 'one', number, key });
  expect(error).toBeNull();
}

describe('the service role', () => {
  test.each(NASTY)('writes and reads %j as if nothing were encrypted', async (value) => {
    const row = { shop: 'one', number: 7, key: value, hint: value };
    const inserted = await service.from('licences').insert(row).select().single();
    expect(inserted.data).toEqual(row);
    const shop = await service.from('shops').update({ stripe: value }).eq('name', 'one').select('stripe, name');
    expect(shop.data).toEqual([{ stripe: value, name: 'one' }]);
    expect((await service.from('licences').select('key').eq('key', value)).data).toEqual([{ key: value }]);
    const embedded = await service.from('shops').select('name, stripe, licences(alias:key, number)').eq('name', 'one');
    expect(embedded.data).toEqual([{ name: 'one', stripe: value, licences: [{ alias: value, number: 7 }] }]);
    const spread = await service.from('licences').select('number, ...shops(stripe)');
    expect(spread.data).toEqual([{ number: 7, stripe: value }]);
  });

  test('reads CSV as it is for a plain table', async () => {
    const csv = async (): Promise<string> => {
      const asked = await service.from('licences').select('key, number').order('number').csv();
      return asked.data ?? '';
    };
    for (const [number, key] of NASTY.entries()) await licence(key, number);
    const encrypted = await csv();
    await server.sql(`create table public.plain_licences (key text, number int);
      grant all on public.plain_licences to service_role; notify pgrst`);
    await eventually(async () => (await service.from('plain_licences').select()).error === null);
    await service.from('plain_licences').insert(NASTY.map((key, number) => ({ key, number })));
    const plain = await service.from('plain_licences').select('key, number').order('number').csv();
    // A value with a row's key beside it always stands in quotes.
    expect(fields(encrypted)).toEqual(fields(plain.data ?? ''));
  });

  test('bytea reads as bytea does', async () => {
    await service.from('shops').update({ token: '\\x00ff80' }).eq('name', 'one');
    expect((await service.from('shops').select('token')).data).toEqual([{ token: '\\x00ff80' }]);
  });

  test('finds by eq, neq, in, is and or; the rest is refused by name', async () => {
    for (const [number, key] of ['a', 'b', null].entries()) await licence(key, number);
    const numbers = async (query: PromiseLike<{ data: Array<{ number: number }> | null }>): Promise<number[]> =>
      (await query).data?.map(({ number }) => number) ?? [-1];
    const all = () => service.from('licences').select('number').order('number');
    expect(await numbers(all().eq('key', 'b'))).toEqual([1]);
    expect(await numbers(all().neq('key', 'b'))).toEqual([0]);
    expect(await numbers(all().not('key', 'eq', 'b'))).toEqual([0]);
    expect(await numbers(all().in('key', ['a', 'b', 'c,d']))).toEqual([0, 1]);
    expect(await numbers(all().is('key', null))).toEqual([2]);
    expect(await numbers(all().or('key.eq.a,number.eq.2'))).toEqual([0, 2]);
    expect(await numbers(all().eq('key', 'a').eq('number', 1))).toEqual([]);
    for (const query of [all().like('key', 'a%'), all().gt('key', 'a'), all().eq('hint', 'x')]) {
      const { error, status } = await query;
      expect([status, error?.code]).toEqual([400, 'VT006']);
    }
    expect((await service.from('licences').delete().eq('key', 'a').select('number')).data).toEqual([{ number: 0 }]);
  });

  test('upserts by primary key and by an encrypted column that is unique', async () => {
    await licence('same');
    await service.from('licences').upsert({ shop: 'one', number: 1, key: 'changed' });
    expect((await service.from('licences').select('key')).data).toEqual([{ key: 'changed' }]);
    const again = await service
      .from('licences')
      .upsert({ shop: 'one', number: 9, key: 'changed', hint: 'h' }, { onConflict: 'key' })
      .select();
    expect(again.data).toEqual([{ shop: 'one', number: 9, key: 'changed', hint: 'h' }]);
    const twice = await service.from('licences').insert({ shop: 'one', number: 3, key: 'changed' });
    expect(twice.error?.code).toBe('23505');
    expect(JSON.stringify(twice.error)).not.toContain('changed');
  });

  test('calls functions that write and return encrypted rows', async () => {
    const { data, error } = await service.rpc('issue', { p_shop: 'one', p_number: 4, p_key: 'by rpc' });
    expect(error).toBeNull();
    expect(data).toEqual([{ shop: 'one', number: 4, key: 'by rpc', hint: null }]);
    expect((await service.rpc('issue', { p_shop: 'one', p_number: 5, p_key: 'n' }).select('key')).data).toEqual([
      { key: 'n' },
    ]);
  });
});

describe.each(['anon', 'authenticated'])('%s', (role) => {
  const client = (): SupabaseClient => server.client(role === 'anon' ? {} : { token: server.token({ role }) });

  test('is given envelopes, finds by equality, and writes', async () => {
    await licence('hidden');
    const { data } = await client().from('licences').select().eq('key', 'hidden');
    expect(data).toMatchObject([{ number: 1, key: expect.stringMatching(/^vt1\.[a-z2-7]{8}\./) as string }]);
    expect(JSON.stringify(data)).not.toContain('hidden');
    const { error } = await client().from('licences').insert({ shop: 'one', number: 2, key: 'mine' });
    expect(error).toBeNull();
    expect((await service.from('licences').select('key').eq('number', 2)).data).toEqual([{ key: 'mine' }]);
  });

  test('reads plaintext only where the owner wrote a function for it', async () => {
    await licence('hidden');
    expect((await client().rpc('my_keys')).data).toEqual(['hidden']);
  });

  test('an envelope copied elsewhere opens nothing', async () => {
    await licence('hidden');
    const { data } = await client().from('licences').select('key').single();
    await client()
      .from('shops')
      .update({ stripe: String(data?.key) })
      .eq('name', 'one');
    const { data: shop } = await service.from('shops').select('stripe').eq('name', 'one').single();
    expect(shop?.stripe).toBe(data?.key);
  });
});

test('an insert that was ignored opens nobody else\u2019s envelope for the rest of the transaction', async () => {
  await licence('the secret of another', 1);
  await licence('own', 2);
  const anon = server.client({});
  const theirs = (await anon.from('licences').select('key').eq('number', 1)).data?.[0]?.key as string;
  const batch = [
    {
      method: 'POST',
      path: '/licences?on_conflict=shop,number',
      headers: { prefer: 'resolution=ignore-duplicates' },
      body: { shop: 'one', number: 1, key: 'x' },
    },
    { method: 'PATCH', path: '/licences?number=eq.2', body: { key: theirs } },
  ];
  const { status } = await server.ask('/', {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.vectabase.batch+json' },
    body: JSON.stringify(batch),
  });
  expect(status).toBe(200);
  // Taken as any other text: what is read back is the envelope, not what it holds.
  expect((await service.from('licences').select('key').eq('number', 2)).data).toEqual([{ key: theirs }]);
});

test('a value that was moved or changed in the table is refused, and so is plaintext', async () => {
  await licence('first', 1);
  await licence('second', 2);
  for (const change of [
    `key = (select key from public.licences l where l.number = 2) where number = 1`,
    `key = 'plaintext' where number = 1`,
    `key = overlay(key placing 'A' from 30 for 1) || '' where number = 1`,
  ]) {
    await server.sql(
      `set session_replication_role = replica; drop index public.licences_key_key; update public.licences set ${change}`,
    );
    const { error, status } = await service.from('licences').select('key');
    expect([status, error?.code]).toEqual([500, 'VT004']);
    await server.sql(`delete from public.licences; create unique index licences_key_key on public.licences
      ((case when starts_with(key::text, 'vt1.'::text) then split_part(key::text, '.'::text, 4) end))`);
    await licence('first', 1);
    await licence('second', 2);
  }
});

test('a value under a key that nobody has is refused, in a way that a client may try again', async () => {
  await licence('first');
  await server.sql(`set session_replication_role = replica;
    update public.licences set key = overlay(key placing 'aaaaaaaa' from 5 for 8)`);
  const { error, status } = await service.from('licences').select('key');
  expect([status, error?.code]).toEqual([503, 'VT002']);
});

test('an index answers equality', async () => {
  const { text } = await server.ask('/licences?key=eq.needle', {
    headers: { authorization: `Bearer ${server.keys.serviceRoleKey}`, accept: 'application/vnd.pgrst.plan+text' },
  });
  expect(text).toContain('Index Scan using licences_key_key');
});

describe('a daemon', () => {
  test.each([
    ['without the master key', undefined, 'MASTER_KEY_MISSING'],
    ['with another master key', randomBytes(32).toString('hex'), 'MASTER_KEY_WRONG'],
  ])('%s does not start', async (_, key, code) => {
    const file = path.join(directory, 'other.key');
    if (key !== undefined) writeFileSync(file, key, { mode: 0o600 });
    const database = server.cluster.address('rest', { user: 'authenticator' });
    const daemon = await spawnDaemon({ database, more: { masterKeyFile: file } });
    expect(await daemon.exited).toBe(4);
    expect(JSON.parse(daemon.stdout())).toMatchObject({ error: { code } });
    expect(daemon.stdout() + daemon.stderr()).not.toContain(key ?? 'no key');
  });
});

function fields(csv: string): string[] {
  return csv.split(/\n(?=")|\n(?=[^"\n]*,\d)/).map((line) => line.replaceAll(/^"|"(?=,\d+$)/g, ''));
}

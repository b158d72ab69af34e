import { randomUUID } from 'node:crypto';
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';

let server: AuthServer;

beforeAll(async () => {
  server = await startAuthServer();
});
afterAll(() => server?.stop());

const PASSWORD = 'correct horse battery';
const asAdmin = (target: string, init: Parameters<AuthServer['auth']>[1] = {}) =>
  server.auth(target, {
    ...init,
    headers: {
      apikey: server.keys.serviceRoleKey,
      authorization: `Bearer ${server.keys.serviceRoleKey}`,
      ...init.headers,
    },
  });
const outcome = ({ status, json }: { status: number; json: unknown }) => [
  status,
  (json as { error_code?: string }).error_code,
];
let people = 0;
const address = () => `admin${people++}@example.com`;
async function make(body: object = {}): Promise<{ id: string; email: string }> {
  const answer = await asAdmin('/admin/users', { body: { email: address(), ...body } });
  expect(answer.status).toBe(200);
  return answer.json as { id: string; email: string };
}

describe('users that the owner makes', () => {
  test('all that may be said of one', async () => {
    const id = randomUUID();
    const user = await make({
      id,
      phone: '+49 170 1234567',
      password: PASSWORD,
      email_confirm: true,
      phone_confirm: true,
      user_metadata: { name: 'Cy' },
      app_metadata: { plan: 'gold' },
      role: 'manager',
      ban_duration: '1h30m',
    });
    expect(user).toMatchObject({
      id,
      phone: '491701234567',
      role: 'manager',
      app_metadata: { provider: 'email', providers: ['email', 'phone'], plan: 'gold' },
      user_metadata: { name: 'Cy', email_verified: true },
      email_confirmed_at: expect.stringMatching(/Z$/) as string,
      phone_confirmed_at: expect.any(String) as string,
      confirmed_at: expect.any(String) as string,
      banned_until: expect.any(String) as string,
      identities: [{ provider: 'email' }, { provider: 'phone' }],
    });
    const again = await asAdmin('/admin/users', { body: { id, email: address() } });
    expect(outcome(again)).toEqual([422, 'user_already_exists']);
  });

  test('with a hash from elsewhere', async () => {
    const { email } = await make({ password_hash: await bcrypt.hash(PASSWORD, 6), email_confirm: true });
    const entered = await server.visitor().auth.signInWithPassword({ email, password: PASSWORD });
    expect(entered.error).toBeNull();
    const both = await asAdmin('/admin/users', { body: { email: address(), password: 'x', password_hash: 'y' } });
    expect(outcome(both)).toEqual([400, 'validation_failed']);
    const odd = await asAdmin('/admin/users', { body: { email: address(), password_hash: 'plaintext' } });
    expect(outcome(odd)).toEqual([400, 'validation_failed']);
  });

  test('what is refused', async () => {
    const { email, id } = await make();
    const other = await make({ phone: '491700000001' });
    const post = async (body: object) => outcome(await asAdmin('/admin/users', { body }));
    expect(await post({ email: email.toUpperCase() })).toEqual([422, 'email_exists']);
    expect(await post({ phone: '491700000001' })).toEqual([422, 'phone_exists']);
    expect(await post({})).toEqual([400, 'validation_failed']);
    expect(await post({ email: address(), id: 'seven' })).toEqual([400, 'validation_failed']);
    expect(await post({ email: address(), ban_duration: 'a while' })).toEqual([400, 'validation_failed']);
    expect(await post({ email: address(), password: 'x'.repeat(73) })).toEqual([400, 'validation_failed']);
    const put = async (body: object) => outcome(await asAdmin(`/admin/users/${id}`, { method: 'PUT', body }));
    expect(await put({ email: other.email })).toEqual([422, 'email_exists']);
    expect(await put({ password: 'short' })).toEqual([422, 'weak_password']);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const at = async (path: string) =>
        outcome(await asAdmin(path, { method, ...(method === 'GET' ? {} : { body: {} }) }));
      expect(await at('/admin/users/seven')).toEqual([404, 'validation_failed']);
      expect(await at(`/admin/users/${randomUUID()}`)).toEqual([404, 'user_not_found']);
      expect((await at(`/admin/users/..%2f${id}`))[0]).toBe(404);
    }
  });

  test('a new address moves its identity along; metadata is merged, null removes', async () => {
    const { id } = await make({ user_metadata: { a: 1, b: 2 }, app_metadata: { c: 3 } });
    const email = address();
    const body = { email, user_metadata: { b: null, d: 4 }, app_metadata: { c: null } };
    const answer = await asAdmin(`/admin/users/${id}`, { method: 'PUT', body });
    expect(answer.json).toMatchObject({ email, identities: [{ email, identity_data: { email } }] });
    const changed = answer.json as { user_metadata: object; app_metadata: object };
    expect(changed.user_metadata).toEqual({ a: 1, d: 4 });
    expect(changed.app_metadata).toEqual({ provider: 'email', providers: ['email'] });
  });

  test('a new password sends everybody away', async () => {
    const { id, email } = await make({ password: PASSWORD, email_confirm: true });
    const client = server.visitor();
    await client.auth.signInWithPassword({ email, password: PASSWORD });
    await server.admin().auth.admin.updateUserById(id, { password: 'another horse battery' });
    expect((await client.auth.getUser()).error).toMatchObject({ name: 'AuthSessionMissingError' });
  });

  test('signOut by the admin ends the sessions of a token', async () => {
    const { email } = await make({ password: PASSWORD, email_confirm: true });
    const client = server.visitor();
    const { data } = await client.auth.signInWithPassword({ email, password: PASSWORD });
    const { error } = await server.admin().auth.admin.signOut(data.session?.access_token ?? '', 'global');
    expect(error).toBeNull();
    expect((await client.auth.getUser()).error).toMatchObject({ name: 'AuthSessionMissingError' });
  });
});

describe('the list', () => {
  test('pages, newest first, with what clients read to turn them', async () => {
    for (let at = 0; at < 5; at++) await make();
    const [all] = await server.rows<{ count: number }>('select count(*)::int as count from auth.users');
    const total = all?.count ?? 0;
    const first = await server.admin().auth.admin.listUsers({ page: 1, perPage: 2 });
    expect(first.data).toMatchObject({ total, nextPage: 2 });
    const seen: string[] = [];
    for (let page = 1; page <= Math.ceil(total / 2); page++) {
      const { data } = await server.admin().auth.admin.listUsers({ page, perPage: 2 });
      seen.push(...data.users.map(({ id }) => id));
    }
    expect(new Set(seen).size).toBe(total);
    const beyond = await asAdmin(`/admin/users?page=${total + 1}&per_page=1`);
    expect([beyond.status, (beyond.json as { users: [] }).users]).toEqual([200, []]);
    expect(outcome(await asAdmin('/admin/users?page=one'))).toEqual([400, 'validation_failed']);
  });

  test('filtered by part of an address, taken as it is', async () => {
    await make({ email: 'a_b@example.com' });
    const found = await asAdmin('/admin/users?filter=a_b@');
    expect((found.json as { users: unknown[] }).users).toHaveLength(1);
    const none = await asAdmin('/admin/users?filter=%25_%25');
    expect((none.json as { users: unknown[] }).users).toEqual([]);
  });
});

test('deleting one whom the owner’s tables hold on to says so, and deletes nothing', async () => {
  const { id } = await make();
  await server.sql(
    `create table public.orders (buyer uuid references auth.users); insert into public.orders values ('${id}')`,
  );
  const refused = await asAdmin(`/admin/users/${id}`, { method: 'DELETE', body: {} });
  expect([refused.status, refused.json]).toMatchObject([500, { code: '23503' }]);
  expect((await asAdmin(`/admin/users/${id}`)).status).toBe(200);
  const softly = await asAdmin(`/admin/users/${id}`, { method: 'DELETE', body: { should_soft_delete: true } });
  expect([softly.status, softly.json]).toEqual([200, {}]);
  expect((await asAdmin(`/admin/users/${id}`)).json).toMatchObject({ deleted_at: expect.any(String) as string });
});

test('only the service key opens these doors', async () => {
  expect(outcome(await server.auth('/admin/users'))).toEqual([403, 'not_admin']);
  const anon = { authorization: `Bearer ${server.keys.anonKey}` };
  expect(outcome(await server.auth('/admin/users', { headers: anon }))).toEqual([403, 'not_admin']);
});

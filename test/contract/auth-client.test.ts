import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';

let server: AuthServer;

beforeAll(async () => {
  server = await startAuthServer({ autoconfirm: true, anonymousUsers: true });
});
afterAll(() => server?.stop());

const PASSWORD = 'correct horse battery';

test('from sign-up to sign-out, with the events that an app hears', async () => {
  const client = server.visitor();
  const events: string[] = [];
  const { data: listening } = client.auth.onAuthStateChange((event) => void events.push(event));
  const signedUp = await client.auth.signUp({
    email: 'Ann@Example.com',
    password: PASSWORD,
    options: { data: { display_name: 'Ann' } },
  });
  expect(signedUp.error).toBeNull();
  expect(signedUp.data.user).toMatchObject({
    email: 'ann@example.com',
    role: 'authenticated',
    aud: 'authenticated',
    app_metadata: { provider: 'email', providers: ['email'] },
    user_metadata: { display_name: 'Ann', email_verified: true },
    is_anonymous: false,
  });
  expect(signedUp.data.user?.identities).toMatchObject([
    { provider: 'email', identity_data: { email: 'ann@example.com' } },
  ]);
  expect((await client.auth.getUser()).data.user?.id).toBe(signedUp.data.user?.id);
  expect((await client.auth.signOut()).error).toBeNull();
  expect((await client.auth.getSession()).data.session).toBeNull();
  const wrong = await client.auth.signInWithPassword({ email: 'ann@example.com', password: 'wrong horse' });
  expect(wrong.error).toMatchObject({ status: 400, code: 'invalid_credentials', message: 'Invalid login credentials' });
  const back = await client.auth.signInWithPassword({ email: 'ann@example.com', password: PASSWORD });
  expect(back.error).toBeNull();
  const refreshed = await client.auth.refreshSession();
  expect(refreshed.error).toBeNull();
  expect(refreshed.data.session?.refresh_token).not.toBe(back.data.session?.refresh_token);
  const changed = await client.auth.updateUser({ data: { display_name: 'Annie', gone: null } });
  expect(changed.data.user?.user_metadata).toMatchObject({ display_name: 'Annie' });
  await client.auth.signOut();
  listening.subscription.unsubscribe();
  expect(events.filter((event) => event !== 'INITIAL_SESSION')).toEqual([
    'SIGNED_IN',
    'SIGNED_OUT',
    'SIGNED_IN',
    'TOKEN_REFRESHED',
    'USER_UPDATED',
    'SIGNED_OUT',
  ]);
});

test('the admin interface makes, finds, changes and deletes users', async () => {
  const { auth } = server.admin();
  const made = await auth.admin.createUser({ email: 'bo@example.com', password: PASSWORD, email_confirm: true });
  expect(made.error).toBeNull();
  const id = made.data.user?.id ?? '';
  expect((await auth.admin.getUserById(id)).data.user).toMatchObject({ email: 'bo@example.com' });
  const listed = await auth.admin.listUsers({ page: 1, perPage: 1 });
  expect(listed.data).toMatchObject({ total: expect.any(Number), aud: 'authenticated' });
  expect(listed.data.users).toHaveLength(1);
  const banned = await auth.admin.updateUserById(id, { ban_duration: '24h' });
  expect(banned.error).toBeNull();
  const visitor = server.visitor();
  const refused = await visitor.auth.signInWithPassword({ email: 'bo@example.com', password: PASSWORD });
  expect(refused.error).toMatchObject({ status: 400, code: 'user_banned' });
  expect((await auth.admin.deleteUser(id)).error).toBeNull();
  expect((await auth.admin.getUserById(id)).error).toMatchObject({ status: 404, code: 'user_not_found' });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';
import { PASSWORD } from '../support/mail.ts';

/** Neither a mail server nor an outbox, and `auth.autoconfirm` left as it is. */
let server: AuthServer;

beforeAll(async () => {
  server = await startAuthServer();
});
afterAll(() => server?.stop());

test('an account that waits for its owner is not given to whoever signs up first', async () => {
  const email = 'invited@mail.example';
  expect((await server.admin().auth.admin.inviteUserByEmail(email)).error).toBeNull();
  const { data, error } = await server.visitor().auth.signUp({ email, password: PASSWORD });
  expect([data.session, error?.code, error?.status]).toEqual([null, 'user_already_exists', 422]);
  expect(
    await server.rows('select encrypted_password, email_confirmed_at from auth.users where email = $1', [email]),
  ).toEqual([{ encrypted_password: '', email_confirmed_at: null }]);
});

test('nobody takes another address, since nobody can ask its owner', async () => {
  const [email, other] = ['member@mail.example', 'other@mail.example'];
  await server.admin().auth.admin.createUser({ email, password: PASSWORD, email_confirm: true });
  const client = server.visitor();
  expect((await client.auth.signInWithPassword({ email, password: PASSWORD })).error).toBeNull();
  expect((await client.auth.updateUser({ email: other })).error).toMatchObject({
    code: 'email_provider_disabled',
    status: 400,
  });
  expect((await client.auth.getUser()).data.user?.email).toBe(email);
});

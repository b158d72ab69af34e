import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow, fragment, PASSWORD, startMailServer, type MailServer } from '../support/mail.ts';

/** Somebody registers an address that is not theirs and waits for its owner to confirm it. */
let server: MailServer;

beforeAll(async () => {
  server = await startMailServer();
});
afterAll(() => server?.stop());

const fresh = (() => {
  let count = 0;
  return () => `claim${++count}@mail.example`;
})();

/** Registered with a password and a name by somebody who never gets the letter. */
async function claimed(): Promise<string> {
  const email = fresh();
  await server.visitor().auth.signUp({ email, password: PASSWORD, options: { data: { name: 'Mallory' } } });
  await server.letter(email, 'confirmation');
  return email;
}

async function expectTakenBack(email: string): Promise<void> {
  const { error } = await server.visitor().auth.signInWithPassword({ email, password: PASSWORD });
  expect(error?.code).toBe('invalid_credentials');
  const [row] = await server.rows(
    `select raw_user_meta_data ? 'name' as named, (raw_app_meta_data -> 'providers')::json as providers,
       (select json_agg(provider) from auth.identities i where i.user_id = u.id) as identities
     from auth.users u where email = $1`,
    [email],
  );
  expect(row).toEqual({ named: false, providers: ['email'], identities: ['email'] });
}

test.each(['email', 'signup', 'magiclink'] as const)(
  'its owner signs in by a code, verified as %s: the password is void',
  async (type) => {
    const email = await claimed();
    const owner = server.visitor();
    expect((await owner.auth.signInWithOtp({ email })).error).toBeNull();
    const { code } = await server.letter(email, 'confirmation');
    const { data, error } = await owner.auth.verifyOtp({ email, token: code, type });
    expect([error, data.user?.email]).toEqual([null, email]);
    await expectTakenBack(email);
  },
);

test('by the link of that letter', async () => {
  const email = await claimed();
  await server.visitor().auth.signInWithOtp({ email });
  const { link } = await server.letter(email, 'confirmation');
  expect(fragment(await follow(link))).toMatchObject({ type: 'signup', access_token: expect.any(String) });
  await expectTakenBack(email);
});

test('by the letter for a forgotten password', async () => {
  const email = await claimed();
  await server.visitor().auth.resetPasswordForEmail(email);
  const { link } = await server.letter(email, 'recovery');
  expect(fragment(await follow(link))['access_token']).toBeTruthy();
  await expectTakenBack(email);
});

test('the sign-up’s own letter keeps the password, whatever type its code is verified as', async () => {
  const email = fresh();
  const client = server.visitor();
  await client.auth.signUp({ email, password: PASSWORD });
  const { code } = await server.letter(email, 'confirmation');
  expect((await client.auth.verifyOtp({ email, token: code, type: 'email' })).error).toBeNull();
  expect((await server.visitor().auth.signInWithPassword({ email, password: PASSWORD })).error).toBeNull();
});

test('a newcomer who asks for two codes keeps what they said of themselves', async () => {
  const email = fresh();
  const client = server.visitor();
  await client.auth.signInWithOtp({ email, options: { data: { name: 'Nina' } } });
  await server.letter(email, 'confirmation');
  await client.auth.signInWithOtp({ email });
  const { code } = await server.letter(email, 'confirmation');
  const { data } = await client.auth.verifyOtp({ email, token: code, type: 'email' });
  expect(data.user?.user_metadata).toMatchObject({ name: 'Nina' });
});

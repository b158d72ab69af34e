import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow, fragment, member, startMailServer, type MailServer } from '../support/mail.ts';

/** A letter proves one address, while it is the one that the account has or is about to take. */
let server: MailServer;

beforeAll(async () => {
  server = await startMailServer();
});
afterAll(() => server?.stop());

const fresh = (() => {
  let count = 0;
  return () => `void${++count}@mail.example`;
})();

async function expectVoid(link: string): Promise<void> {
  const arrived = fragment(await follow(link));
  expect([arrived['access_token'], arrived['error_code']]).toEqual([undefined, 'otp_expired']);
}

test('a link to one new address does not prove the next one that was asked for', async () => {
  const { client, email } = await member(server, fresh());
  const [own, victim] = [fresh(), fresh()];
  await client.auth.updateUser({ email: own });
  const [toOld, toOwn] = [await server.letter(email, 'email_change'), await server.letter(own, 'email_change')];
  await follow(toOld.link);
  expect((await client.auth.updateUser({ email: victim })).error).toBeNull();
  await expectVoid(toOwn.link);
  expect((await client.auth.getUser()).data.user?.email).toBe(email);
});

test('nor when its row outlives the change, as one does that is written at the same time', async () => {
  const { client, email, id } = await member(server, fresh());
  const [own, victim] = [fresh(), fresh()];
  await client.auth.updateUser({ email: own });
  const [toOld, toOwn] = [await server.letter(email, 'email_change'), await server.letter(own, 'email_change')];
  await follow(toOld.link);
  await server.rows('update auth.users set email_change = $2 where id = $1', [id, victim]);
  await expectVoid(toOwn.link);
});

test.each([{ email_confirm: true }, {}])('a letter to the address before one that an admin set: %j', async (more) => {
  const { client, email, id } = await member(server, fresh());
  await client.auth.resetPasswordForEmail(email);
  const letter = await server.letter(email, 'recovery');
  const next = fresh();
  expect((await server.admin().auth.admin.updateUserById(id, { email: next, ...more })).error).toBeNull();
  await expectVoid(letter.link);
  expect(await server.rows('select recovery_token from auth.users where id = $1', [id])).toEqual([
    { recovery_token: '' },
  ]);
  expect((await client.auth.verifyOtp({ email: next, token: letter.code, type: 'recovery' })).error?.code).toBe(
    'otp_expired',
  );
});

test('an admin who sets the address that is there leaves its letters open', async () => {
  const { client, email, id } = await member(server, fresh());
  await client.auth.resetPasswordForEmail(email);
  const letter = await server.letter(email, 'recovery');
  await server.admin().auth.admin.updateUserById(id, { email });
  expect(fragment(await follow(letter.link))['access_token']).toBeTruthy();
});

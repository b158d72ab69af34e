import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  follow,
  fragment,
  member as signedIn,
  PASSWORD,
  SITE,
  startMailServer,
  type MailServer,
} from '../support/mail.ts';

let server: MailServer;

beforeAll(async () => {
  server = await startMailServer({ redirectUrls: ['https://app.example/**', 'http://localhost:3000/**'] });
});
afterAll(() => server?.stop());

const fresh = (() => {
  let count = 0;
  return () => `person${++count}@mail.example`;
})();

const member = async (email = fresh()) => signedIn(server, email);

describe('sign-up', () => {
  test('waits for the letter; its link signs in and works once', async () => {
    const [email, client] = [fresh(), server.visitor()];
    const { data, error } = await client.auth.signUp({
      email,
      password: PASSWORD,
      options: { emailRedirectTo: 'https://app.example/in' },
    });
    expect([error, data.session, data.user?.identities?.length]).toEqual([null, null, 1]);
    expect((await client.auth.signInWithPassword({ email, password: PASSWORD })).error?.code).toBe(
      'email_not_confirmed',
    );
    const letter = await server.letter(email, 'confirmation');
    expect(letter.link).toContain(`${server.daemon.url}/auth/v1/verify?`);
    const head = await fetch(letter.link, { method: 'HEAD', redirect: 'manual' });
    expect([head.status, head.headers.get('location')]).toEqual([200, null]);
    const arrived = await follow(letter.link);
    expect(arrived.href).toMatch(/^https:\/\/app\.example\/in#/);
    const { access_token = '', refresh_token = '', type, sb } = fragment(arrived);
    expect([type, sb]).toEqual(['signup', '']);
    const session = await client.auth.setSession({ access_token, refresh_token });
    expect(session.data.user).toMatchObject({ email, user_metadata: { email_verified: true } });
    expect(session.data.user?.identities?.[0]?.identity_data).toMatchObject({ email_verified: true });
    const again = await follow(letter.link);
    const refusal = {
      error: 'access_denied',
      error_code: 'otp_expired',
      error_description: 'Email link is invalid or has expired',
    };
    expect(fragment(again)).toMatchObject(refusal);
    expect(Object.fromEntries(again.searchParams)).toMatchObject(refusal);
  });

  test('or for its code; the account that is there already answers the same and gets no letter', async () => {
    const [email, client] = [fresh(), server.visitor()];
    const first = await client.auth.signUp({ email, password: PASSWORD });
    const { code } = await server.letter(email);
    const verified = await client.auth.verifyOtp({ email, token: code, type: 'signup' });
    expect(verified.data.session?.user.id).toBe(first.data.user?.id);
    const second = await server.visitor().auth.signUp({ email, password: 'another password' });
    expect([second.error, second.data.user?.identities]).toEqual([null, []]);
    expect(Object.keys(second.data.user ?? {}).toSorted()).toEqual(Object.keys(first.data.user ?? {}).toSorted());
    expect((await server.visitor().auth.signInWithPassword({ email, password: PASSWORD })).error).toBeNull();
    expect((await server.letters()).filter(({ to }) => to === email)).toHaveLength(1);
  });

  test('resend voids the letter before', async () => {
    const [email, client] = [fresh(), server.visitor()];
    await client.auth.signUp({ email, password: PASSWORD });
    const first = await server.letter(email);
    expect((await client.auth.resend({ type: 'signup', email })).error).toBeNull();
    const second = await server.letter(email);
    expect(fragment(await follow(first.link))['error_code']).toBe('otp_expired');
    expect(fragment(await follow(second.link))['access_token']).toBeTruthy();
  });
});

describe('signing in by letter', () => {
  test('magic link and code, for members and for newcomers', async () => {
    const { email, id } = await member();
    const client = server.visitor();
    expect((await client.auth.signInWithOtp({ email })).error).toBeNull();
    const letter = await server.letter(email, 'magic_link');
    const byCode = await client.auth.verifyOtp({ email, token: letter.code, type: 'email' });
    expect(byCode.data.user?.id).toBe(id);
    const newcomer = fresh();
    await client.auth.signInWithOtp({ email: newcomer, options: { data: { name: 'New' } } });
    const welcome = await server.letter(newcomer, 'confirmation');
    const verified = await client.auth.verifyOtp({ email: newcomer, token: welcome.code, type: 'email' });
    expect(verified.data.user).toMatchObject({ email: newcomer, user_metadata: { name: 'New' } });
  });

  test('a token hash from an own page', async () => {
    const { email, id } = await member();
    const client = server.visitor();
    await client.auth.signInWithOtp({ email });
    const { link } = await server.letter(email);
    const token_hash = new URL(link).searchParams.get('token') ?? '';
    expect((await client.auth.verifyOtp({ token_hash, type: 'magiclink' })).data.user?.id).toBe(id);
    expect((await client.auth.verifyOtp({ token_hash, type: 'magiclink' })).error).toMatchObject({
      code: 'otp_expired',
      status: 403,
    });
  });

  test('who may not sign up is told so', async () => {
    const { error } = await server
      .visitor()
      .auth.signInWithOtp({ email: fresh(), options: { shouldCreateUser: false } });
    expect(error).toMatchObject({ code: 'otp_disabled', status: 422, message: 'Signups not allowed for otp' });
  });

  test('five codes are tried, then the right one is void', async () => {
    const { email } = await member();
    const client = server.visitor();
    await client.auth.signInWithOtp({ email });
    const { code, link } = await server.letter(email);
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    const tries = await Promise.all(
      Array.from({ length: 8 }, () => client.auth.verifyOtp({ email, token: wrong, type: 'magiclink' })),
    );
    expect(tries.every(({ error }) => error?.code === 'otp_expired')).toBe(true);
    expect((await client.auth.verifyOtp({ email, token: code, type: 'magiclink' })).error?.code).toBe('otp_expired');
    expect(fragment(await follow(link))['access_token']).toBeTruthy();
  });
});

describe('a forgotten password', () => {
  test('is replaced through the letter, and other sessions end', async () => {
    const { client: old, email } = await member();
    const client = server.visitor();
    expect(
      (await client.auth.resetPasswordForEmail(email, { redirectTo: 'https://app.example/reset' })).error,
    ).toBeNull();
    const arrived = await follow((await server.letter(email, 'recovery')).link);
    expect(arrived.href).toMatch(/^https:\/\/app\.example\/reset#/);
    const { access_token = '', refresh_token = '', type } = fragment(arrived);
    expect(type).toBe('recovery');
    await client.auth.setSession({ access_token, refresh_token });
    expect((await client.auth.updateUser({ password: 'a new one, and longer' })).error).toBeNull();
    expect((await old.auth.refreshSession()).error).not.toBeNull();
    expect(
      (await server.visitor().auth.signInWithPassword({ email, password: 'a new one, and longer' })).error,
    ).toBeNull();
  });

  test('known and unknown addresses are answered alike', async () => {
    const { email } = await member();
    const answers = await Promise.all(
      [email, fresh()].map(async (address) => {
        const { status, text } = await server.auth('/recover', { body: { email: address } });
        return { status, text };
      }),
    );
    expect(answers[0]).toEqual({ status: 200, text: '{}' });
    expect(answers[1]).toEqual(answers[0]);
  });
});

describe('another address', () => {
  test('is taken when both letters are answered', async () => {
    const { client, email, id } = await member();
    const next = fresh();
    const asked = await client.auth.updateUser({ email: next });
    expect(asked.data.user).toMatchObject({ email, new_email: next });
    const [toOld, toNew] = [await server.letter(email, 'email_change'), await server.letter(next, 'email_change')];
    const half = await follow(toOld.link);
    expect(fragment(half)['message']).toMatch(/^Confirmation link accepted\. Please proceed/);
    expect((await client.auth.getUser()).data.user?.email).toBe(email);
    expect(fragment(await follow(toOld.link))['error_code']).toBe('otp_expired');
    const whole = await follow(toNew.link);
    expect(fragment(whole)['type']).toBe('email_change');
    const { data } = await client.auth.getUser();
    expect(data.user).toMatchObject({ id, email: next });
    expect(data.user?.new_email).toBeUndefined();
    expect(data.user?.identities?.[0]?.identity_data).toMatchObject({ email: next });
  });

  test('by codes, typed with the address that each went to', async () => {
    const { client, email } = await member();
    const next = fresh();
    await client.auth.updateUser({ email: next });
    const [toOld, toNew] = [await server.letter(email), await server.letter(next)];
    const half = await server.auth('/verify', { body: { type: 'email_change', email: next, token: toNew.code } });
    expect([half.status, half.json]).toMatchObject([200, { code: 200, msg: expect.stringMatching(/accepted/) }]);
    const whole = await client.auth.verifyOtp({ email, token: toOld.code, type: 'email_change' });
    expect(whole.data.user?.email).toBe(next);
  });

  test('an address of somebody else is refused', async () => {
    const [one, other] = [await member(), await member()];
    expect((await one.client.auth.updateUser({ email: other.email })).error?.code).toBe('email_exists');
  });
});

test('reauthentication: the nonce of the letter', async () => {
  const { client, email } = await member();
  expect((await client.auth.reauthenticate()).error).toBeNull();
  expect((await server.letter(email, 'reauthentication')).code).toMatch(/^\d{6}$/);
});

describe('the admin', () => {
  test('invites', async () => {
    const email = fresh();
    const invited = await server
      .admin()
      .auth.admin.inviteUserByEmail(email, { data: { team: 'a' }, redirectTo: 'https://app.example/hi' });
    expect(invited.data.user).toMatchObject({ email, user_metadata: { team: 'a' } });
    const { link } = await server.letter(email, 'invite');
    const arrived = await follow(link);
    expect([arrived.host, fragment(arrived)['type']]).toEqual(['app.example', 'invite']);
    expect((await server.admin().auth.admin.inviteUserByEmail(email)).error?.code).toBe('email_exists');
  });

  test('makes links of each type without a letter', async () => {
    const { email } = await member();
    const { admin } = server.admin().auth;
    const before = (await server.letters()).length;
    const newcomer = { email: fresh(), password: PASSWORD };
    for (const wish of [
      { type: 'signup', ...newcomer },
      { type: 'invite', email: fresh() },
      { type: 'magiclink', email },
      { type: 'recovery', email },
    ] as const) {
      const { data, error } = await admin.generateLink(wish);
      expect(error).toBeNull();
      expect(data.properties?.email_otp).toMatch(/^\d{6}$/);
      expect(fragment(await follow(data.properties?.action_link ?? ''))['access_token']).toBeTruthy();
    }
    const next = fresh();
    const current = await admin.generateLink({ type: 'email_change_current', email, newEmail: next });
    const change = await admin.generateLink({ type: 'email_change_new', email, newEmail: next });
    expect(fragment(await follow(current.data.properties?.action_link ?? ''))['message']).toMatch(/accepted/);
    expect(fragment(await follow(change.data.properties?.action_link ?? ''))['type']).toBe('email_change');
    expect((await admin.generateLink({ type: 'recovery', email: fresh() })).error).toMatchObject({
      code: 'user_not_found',
      status: 404,
    });
    expect((await server.letters()).length).toBe(before);
  });
});

describe('redirects', () => {
  test('only to the list; else to the site', async () => {
    const { email } = await member();
    await server.auth('/recover?redirect_to=https://evil.example/x', { body: { email } });
    const { link } = await server.letter(email);
    expect(new URL(link).searchParams.get('redirect_to')).toBe(SITE);
    const moved = new URL(link);
    moved.searchParams.set('redirect_to', 'https://evil.example/x');
    expect((await follow(moved.href)).origin).toBe(SITE);
  });

  test('a link is made of the configured address, whatever host the request names', async () => {
    const { email } = await member();
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      host: 'evil.example',
      forwarded: 'host=evil.example',
    };
    await server.auth('/recover', { body: { email }, headers });
    const letter = await server.letter(email);
    expect(letter.link.startsWith(`${server.daemon.url}/auth/v1/verify?`)).toBe(true);
    expect(letter.html).not.toContain('evil.example');
  });
});

test('PKCE: the letter brings a code, and only the page that asked can redeem it', async () => {
  const { email, id } = await member();
  const client = server.visitor({ flowType: 'pkce' });
  await client.auth.resetPasswordForEmail(email, { redirectTo: 'https://app.example/reset' });
  const { link } = await server.letter(email, 'recovery');
  expect(new URL(link).searchParams.get('token')).toMatch(/^pkce_/);
  const arrived = await follow(link);
  const code = arrived.searchParams.get('code') ?? '';
  expect(arrived.hash).toBe('');
  expect((await server.visitor({ flowType: 'pkce' }).auth.exchangeCodeForSession(code)).error).not.toBeNull();
  const { data, error } = await client.auth.exchangeCodeForSession(code);
  expect([error, data.session?.user.id]).toEqual([null, id]);
  expect((await client.auth.exchangeCodeForSession(code)).error).not.toBeNull();
});

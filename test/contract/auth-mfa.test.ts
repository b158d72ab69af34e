import { TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { member as signedIn, PASSWORD, startMailServer, type MailServer } from '../support/mail.ts';

let server: MailServer;

beforeAll(async () => {
  server = await startMailServer();
});
afterAll(() => server?.stop());

let count = 0;

const member = async (password?: string) =>
  signedIn(server, `careful${++count}@mail.example`, password ? { password } : {});

const codeAt = (secret: string, steps = 0) =>
  TOTP.generate({ secret: secretOf(secret), timestamp: Date.now() + steps * 30_000 });
const secretOf = (base32: string) => new TOTP({ secret: base32 }).secret;

type Client = Awaited<ReturnType<typeof member>>['client'];

async function enroll(client: Client, friendlyName = 'phone') {
  const { data, error } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName, issuer: 'Shop' });
  expect(error).toBeNull();
  if (data?.type !== 'totp') throw new Error('not enrolled');
  return { factorId: data.id, secret: data.totp.secret, totp: data.totp };
}

test('enrolment, challenge and code raise the session; the others end', async () => {
  const { client, email } = await member(PASSWORD);
  const other = server.visitor();
  await other.auth.signInWithPassword({ email, password: PASSWORD });
  const before = (await client.auth.getSession()).data.session;
  const { factorId, secret, totp } = await enroll(client);
  expect(totp.qr_code).toMatch(/^data:image\/svg\+xml;utf-8,<svg/);
  expect(totp.uri).toContain(`otpauth://totp/Shop:${encodeURIComponent(email)}?`);
  expect((await client.auth.mfa.getAuthenticatorAssuranceLevel()).data).toMatchObject({
    currentLevel: 'aal1',
    nextLevel: 'aal1',
  });
  const challenge = await client.auth.mfa.challenge({ factorId });
  expect(challenge.data).toMatchObject({ type: 'totp' });
  const challengeId = challenge.data?.id ?? '';
  const wrong = await client.auth.mfa.verify({ factorId, challengeId, code: '000000' });
  expect(wrong.error).toMatchObject({ code: 'mfa_verification_failed', status: 422 });
  const verified = await client.auth.mfa.verify({ factorId, challengeId, code: codeAt(secret) });
  expect(verified.error).toBeNull();
  const level = (await client.auth.mfa.getAuthenticatorAssuranceLevel()).data;
  expect(level).toMatchObject({ currentLevel: 'aal2', nextLevel: 'aal2' });
  expect(level?.currentAuthenticationMethods).toMatchObject([{ method: 'totp' }, { method: 'otp' }]);
  expect((await client.auth.mfa.listFactors()).data?.totp).toMatchObject([
    { id: factorId, status: 'verified', friendly_name: 'phone' },
  ]);
  expect(JSON.stringify((await client.auth.getUser()).data)).not.toContain(secret);
  expect((await other.auth.refreshSession()).error).not.toBeNull();
  const stale = await server.auth('/token?grant_type=refresh_token', {
    body: { refresh_token: before?.refresh_token },
  });
  expect(stale.status).toBe(400);
});

test('and stays raised when it is refreshed', async () => {
  const { client } = await member();
  const { factorId, secret } = await enroll(client);
  expect((await client.auth.mfa.challengeAndVerify({ factorId, code: codeAt(secret) })).error).toBeNull();
  expect((await client.auth.refreshSession()).error).toBeNull();
  expect((await client.auth.mfa.getAuthenticatorAssuranceLevel()).data?.currentLevel).toBe('aal2');
});

describe('a code', () => {
  test('is good once, also for a new challenge; so is none before it', async () => {
    const { client } = await member();
    const { factorId, secret } = await enroll(client);
    const [early, now, late] = [codeAt(secret, -1), codeAt(secret), codeAt(secret, 1)];
    const use = async (code: string) => (await client.auth.mfa.challengeAndVerify({ factorId, code })).error?.code;
    expect(await use(now)).toBeUndefined();
    expect(await use(now)).toBe('mfa_verification_failed');
    expect(await use(early)).toBe('mfa_verification_failed');
    expect(await use(late)).toBeUndefined();
  });

  test('wins once of twenty at the same time', async () => {
    const { client } = await member();
    const { factorId, secret } = await enroll(client);
    const token = (await client.auth.getSession()).data.session?.access_token ?? '';
    const headers = { authorization: `Bearer ${token}` };
    const challenges = await Promise.all(
      Array.from({ length: 8 }, () => server.auth(`/factors/${factorId}/challenge`, { method: 'POST', headers })),
    );
    const code = codeAt(secret);
    const answers = await Promise.all(
      challenges.map(({ json }) =>
        server.auth(`/factors/${factorId}/verify`, {
          headers,
          body: { challenge_id: (json as { id: string }).id, code },
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('is tried five times for a challenge', async () => {
    const { client } = await member();
    const { factorId, secret } = await enroll(client);
    const { data } = await client.auth.mfa.challenge({ factorId });
    const challengeId = data?.id ?? '';
    for (let guess = 0; guess < 5; guess++) await client.auth.mfa.verify({ factorId, challengeId, code: '000000' });
    const right = await client.auth.mfa.verify({ factorId, challengeId, code: codeAt(secret) });
    expect(right.error?.code).toBe('mfa_verification_failed');
  });
});

describe('with a second factor', () => {
  async function guarded() {
    const made = await member(PASSWORD);
    const { factorId, secret } = await enroll(made.client);
    await made.client.auth.mfa.challengeAndVerify({ factorId, code: codeAt(secret) });
    const weak = server.visitor();
    await weak.auth.signInWithPassword({ email: made.email, password: PASSWORD });
    return { ...made, weak, factorId, secret };
  }

  test('a password alone changes neither password nor factors', async () => {
    const { weak, factorId } = await guarded();
    expect((await weak.auth.mfa.getAuthenticatorAssuranceLevel()).data).toMatchObject({
      currentLevel: 'aal1',
      nextLevel: 'aal2',
    });
    expect((await weak.auth.updateUser({ password: 'something else, longer' })).error).toMatchObject({
      code: 'insufficient_aal',
      status: 401,
    });
    expect((await weak.auth.mfa.unenroll({ factorId })).error).toMatchObject({ code: 'insufficient_aal', status: 403 });
    expect((await weak.auth.mfa.enroll({ factorType: 'totp' })).error).toMatchObject({
      code: 'insufficient_aal',
      status: 403,
    });
  });

  test('a recovery letter is no way around it', async () => {
    const { email } = await guarded();
    const client = server.visitor();
    await client.auth.resetPasswordForEmail(email);
    const { code } = await server.letter(email, 'recovery');
    expect((await client.auth.verifyOtp({ email, token: code, type: 'recovery' })).error).toBeNull();
    expect((await client.auth.mfa.getAuthenticatorAssuranceLevel()).data?.currentLevel).toBe('aal1');
    expect((await client.auth.updateUser({ password: 'something else, longer' })).error?.code).toBe('insufficient_aal');
  });

  test('the session falls back when the factor goes', async () => {
    const { client, factorId } = await guarded();
    expect((await client.auth.mfa.unenroll({ factorId })).error).toBeNull();
    await client.auth.refreshSession();
    expect((await client.auth.mfa.getAuthenticatorAssuranceLevel()).data).toMatchObject({
      currentLevel: 'aal1',
      nextLevel: 'aal1',
    });
  });

  test('an admin sees and removes it', async () => {
    const { id, factorId, client } = await guarded();
    const { mfa } = server.admin().auth.admin;
    expect((await mfa.listFactors({ userId: id })).data?.factors).toMatchObject([{ id: factorId }]);
    expect((await mfa.deleteFactor({ userId: id, id: factorId })).error).toBeNull();
    expect((await client.auth.mfa.listFactors()).data?.all).toEqual([]);
  });
});

test('factors: names once, ten at most, only one’s own', async () => {
  const { client } = await member();
  const first = await enroll(client, 'a');
  const same = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'a' });
  expect(same.error?.code).toBe('mfa_factor_name_conflict');
  for (let at = 1; at < 10; at++) await enroll(client, `more ${at}`);
  expect((await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'z' })).error?.code).toBe(
    'too_many_enrolled_mfa_factors',
  );
  const stranger = await member();
  expect((await stranger.client.auth.mfa.challenge({ factorId: first.factorId })).error?.code).toBe(
    'mfa_factor_not_found',
  );
  expect((await stranger.client.auth.mfa.unenroll({ factorId: first.factorId })).error?.code).toBe(
    'mfa_factor_not_found',
  );
  expect((await client.auth.mfa.enroll({ factorType: 'phone', phone: '1234567' })).error?.code).toBe(
    'mfa_phone_enroll_not_enabled',
  );
});

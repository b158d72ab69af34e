import { createHash } from 'node:crypto';
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newApiKeys } from '../../src/foundation/crypto/api-keys.ts';
import { startAuthOver } from '../support/auth.ts';
import { fragment } from '../support/mail.ts';
import { migrate, startBench, type Bench } from '../support/migration.ts';
import { next } from '../support/oauth.ts';
import { CLIENT_ID, CLIENT_SECRET, startProviders, type ProviderStandIn } from '../support/provider-standin.ts';

const GOOGLE = { id: '0a9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e71', sub: '105000000000000000001', email: 'gil@example.com' };
const DISCORD = { id: '0b9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e72', sub: '80351110224678912', email: 'dan@example.com' };
const WAITING = { id: '0c9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e73', email: 'wil@example.com', code: '654321' };
const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const FACTOR = '0d9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e74';
/** GoTrue's digest: what its letters have in their links. */
const LINK = createHash('sha224')
  .update(WAITING.email + WAITING.code)
  .digest('hex');

let bench: Bench;
let provider: ProviderStandIn;
let moved: Awaited<ReturnType<typeof startAuthOver>>;
const keys = newApiKeys(Date.now());

beforeAll(async () => {
  [bench, provider] = await Promise.all([startBench(), startProviders()]);
  const source = await bench.admin('source');
  const users = [
    [GOOGLE.id, GOOGLE.email, '{"provider":"google","providers":["google"]}'],
    [DISCORD.id, DISCORD.email, '{"provider":"email","providers":["email","discord"]}'],
    [WAITING.id, WAITING.email, '{"provider":"email","providers":["email"]}'],
  ];
  for (const [id, email, metadata] of users) {
    // Tokens and metadata NULL, as many hosted projects have them.
    await source.rows(
      `insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, raw_app_meta_data, created_at, updated_at)
       values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', $2, now(), $3, now(), now())`,
      [id, email, metadata],
    );
  }
  await source.script(`
    insert into auth.identities (user_id, provider, provider_id, identity_data, created_at, updated_at) values
      ('${GOOGLE.id}', 'google', '${GOOGLE.sub}', '{"sub":"${GOOGLE.sub}","email":"${GOOGLE.email}"}', now(), now()),
      ('${DISCORD.id}', 'email', '${DISCORD.id}', '{"sub":"${DISCORD.id}","email":"${DISCORD.email}"}', now(), now()),
      ('${DISCORD.id}', 'discord', '${DISCORD.sub}', '{"sub":"${DISCORD.sub}","email":"old@example.com"}', now(), now()),
      ('${WAITING.id}', 'email', '${WAITING.id}', '{"sub":"${WAITING.id}","email":"${WAITING.email}"}', now(), now());
    update auth.users set recovery_token = '${LINK}', recovery_sent_at = now() where id = '${WAITING.id}';
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at) values
      (gen_random_uuid(), '${WAITING.id}', 'recovery_token', '${LINK}', '${WAITING.email}', now() at time zone 'utc', now() at time zone 'utc');
    insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at) values
      ('${FACTOR}', '${GOOGLE.id}', 'phone', 'totp', 'verified', '${SECRET}', now(), now())`);
  await source.close();
  const target = await bench.freshTarget('moved');
  const { report } = await migrate({ source: bench.sourceAddress, target });
  if (report.outcome !== 'complete') throw new Error(`the move ended ${report.outcome}`);
  const client = { clientId: CLIENT_ID, secret: CLIENT_SECRET };
  const external = {
    google: { ...client, issuer: provider.google },
    discord: { ...client, issuer: provider.discord },
  };
  moved = await startAuthOver(bench.target, 'moved', keys, { siteUrl: 'https://shop.example', external });
  provider.registered.add(`${moved.daemon.url}/auth/v1/callback`);
});
afterAll(async () => {
  await moved?.stop();
  await provider?.stop();
  await bench?.stop();
});

/** Signs in at the provider, as the site does. */
async function enter(name: 'google' | 'discord') {
  const begun = await next(`${moved.daemon.url}/auth/v1/authorize?provider=${name}`);
  const { access_token = '', refresh_token = '' } = fragment(await next((await next(begun.href)).href));
  const client = moved.visitor();
  const { data, error } = await client.auth.setSession({ access_token, refresh_token });
  expect(error).toBeNull();
  return { client, user: data.user };
}

test('Google brings people to the account they had, and their second factor with it', async () => {
  provider.behaviour.account = { sub: GOOGLE.sub, email: GOOGLE.email, verified: true, name: 'Gil' };
  const { client, user } = await enter('google');
  expect(user).toMatchObject({ id: GOOGLE.id, email: GOOGLE.email, app_metadata: { providers: ['google'] } });
  expect((await client.auth.mfa.getAuthenticatorAssuranceLevel()).data).toMatchObject({
    currentLevel: 'aal1',
    nextLevel: 'aal2',
  });
  const code = TOTP.generate({ secret: new TOTP({ secret: SECRET }).secret });
  expect((await client.auth.mfa.challengeAndVerify({ factorId: FACTOR, code })).error).toBeNull();
});

test('so does Discord, whatever address the account there has by now', async () => {
  provider.behaviour.account = { sub: DISCORD.sub, email: 'entirely@new.example', verified: false, name: 'dan' };
  const { user } = await enter('discord');
  expect(user).toMatchObject({ id: DISCORD.id, email: DISCORD.email });
});

test('a letter that was out when the project moved still opens the account, once, by its link', async () => {
  const url = `${moved.daemon.url}/auth/v1/verify?token=${LINK}&type=recovery`;
  const { access_token = '' } = fragment(await next(url));
  expect((await moved.visitor().auth.getUser(access_token)).data.user?.id).toBe(WAITING.id);
  expect(fragment(await next(url))['error_code']).toBe('otp_expired');
});

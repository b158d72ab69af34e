import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fragment, member as signedIn, PASSWORD, SITE } from '../support/mail.ts';
import { next, startOAuthServer, type OAuthServer } from '../support/oauth.ts';

let server: OAuthServer;

beforeAll(async () => {
  server = await startOAuthServer();
});
afterEach(() => server.provider.reset());
afterAll(() => server?.stop());

let count = 0;
const fresh = () => {
  count++;
  return { sub: `1000${count}`, email: `traveller${count}@mail.example`, verified: true, name: `T${count}` };
};

async function usersOf(email: string) {
  return server.rows<{ id: string; email_confirmed_at: string | null; encrypted_password: string | null }>(
    'select id, email_confirmed_at::text, encrypted_password from auth.users where lower(email) = $1',
    [email],
  );
}

describe('the way there and back', () => {
  test('implicit: tokens in the fragment, with the marker, and a session that lives', async () => {
    const account = fresh();
    server.provider.behaviour.account = account;
    const arrived = await server.travel({ provider: 'google', redirect_to: 'https://app.example/in' });
    expect(arrived.href).toMatch(/^https:\/\/app\.example\/in#/);
    const { access_token = '', refresh_token = '', provider_token, provider_refresh_token, sb } = fragment(arrived);
    expect([provider_token, provider_refresh_token, sb].map((each) => typeof each)).toEqual([
      'string',
      'string',
      'string',
    ]);
    const client = server.visitor();
    const { data, error } = await client.auth.setSession({ access_token, refresh_token });
    expect(error).toBeNull();
    expect(data.user).toMatchObject({
      email: account.email,
      app_metadata: { provider: 'google', providers: ['google'] },
      user_metadata: { email_verified: true, full_name: account.name, provider_id: account.sub, sub: account.sub },
      identities: [{ provider: 'google', id: account.sub, identity_data: { email: account.email } }],
    });
    expect(data.user?.email_confirmed_at).toBeTruthy();
    expect((await client.auth.refreshSession()).error).toBeNull();
    const again = fragment(await server.travel({ provider: 'google' }));
    expect((await client.auth.getUser(again['access_token'] ?? '')).data.user?.id).toBe(data.user?.id);
    expect(await usersOf(account.email)).toHaveLength(1);
  });

  test('PKCE: signInWithOAuth of the real client, followed by hand', async () => {
    const account = fresh();
    server.provider.behaviour.account = account;
    const client = server.visitor({ flowType: 'pkce' });
    const { data } = await client.auth.signInWithOAuth({
      provider: 'discord',
      options: {
        redirectTo: 'https://app.example/in',
        skipBrowserRedirect: true,
        scopes: 'guilds',
        queryParams: { prompt: 'none' },
      },
    });
    const back = await next((await next(data.url ?? '')).href);
    const arrived = await next(back.href);
    expect([arrived.pathname, arrived.hash]).toEqual(['/in', '']);
    const asked = server.provider.asked.at(-1);
    expect([asked?.get('scope'), asked?.get('prompt')]).toEqual(['email identify guilds', 'none']);
    const session = await client.auth.exchangeCodeForSession(arrived.searchParams.get('code') ?? '');
    expect(session.error).toBeNull();
    expect(session.data.session).toMatchObject({
      user: { email: account.email, app_metadata: { provider: 'discord' } },
    });
    expect(session.data.session?.provider_token).toMatch(/^\w+$/);
    expect(await server.rows('select id from auth.flow_state')).toEqual([]);
  });

  test('a provider that posts its answer', async () => {
    server.provider.behaviour.account = fresh();
    const back = await server.visit({ provider: 'google' });
    const posted = await fetch(server.callback, { method: 'POST', body: back.searchParams, redirect: 'manual' });
    expect(posted.status).toBe(303);
    const arrived = await next(new URL(posted.headers.get('location') ?? '', server.callback).href);
    expect(fragment(arrived)['access_token']).toBeTruthy();
  });

  test('an id_token from an app, with its nonce', async () => {
    const { sub, email } = fresh();
    const nonce = randomBytes(8).toString('hex');
    const hashed = createHash('sha256').update(nonce).digest('hex');
    const token = await server.provider.idToken({ sub, email, email_verified: true, nonce: hashed });
    const client = server.visitor();
    expect((await client.auth.signInWithIdToken({ provider: 'google', token, nonce })).data.user?.email).toBe(email);
    expect((await client.auth.signInWithIdToken({ provider: 'google', token })).error?.status).toBe(400);
    expect((await client.auth.signInWithIdToken({ provider: 'apple', token })).error?.code).toBe('provider_disabled');
  });

  test('settings tell who is there', async () => {
    const { json } = await server.auth('/settings', { method: 'GET' });
    expect(json).toMatchObject({ external: { google: true, discord: true, github: false } });
  });
});

describe('whose account it is', () => {
  test('a verified address joins the account that has it', async () => {
    const account = fresh();
    const made = await server
      .admin()
      .auth.admin.createUser({ email: account.email, password: PASSWORD, email_confirm: true });
    server.provider.behaviour.account = account;
    const { access_token = '' } = fragment(await server.travel({ provider: 'discord' }));
    const { data } = await server.visitor().auth.getUser(access_token);
    expect(data.user?.id).toBe(made.data.user?.id);
    expect(data.user?.app_metadata['providers']).toEqual(['email', 'discord']);
    expect(
      (await server.visitor().auth.signInWithPassword({ email: account.email, password: PASSWORD })).error,
    ).toBeNull();
  });

  test.each(['google', 'discord'])(
    'CVE-2026-41574: %s with an unverified address never reaches it',
    async (provider) => {
      const victim = fresh();
      await server.admin().auth.admin.createUser({ email: victim.email, password: PASSWORD, email_confirm: true });
      for (const verified of [false, undefined]) {
        server.provider.behaviour.account = { sub: `${victim.sub}99`, email: victim.email, verified, name: 'thief' };
        const arrived = await server.travel({ provider });
        expect(fragment(arrived)).toMatchObject({
          error: 'access_denied',
          error_code: 'provider_email_needs_verification',
        });
        expect(arrived.href).not.toContain('access_token');
      }
      expect(await usersOf(victim.email)).toHaveLength(1);
      expect(await server.rows('select 1 from auth.identities where provider_id = $1', [`${victim.sub}99`])).toEqual(
        [],
      );
    },
  );

  test('an unverified address that is free waits for a letter', async () => {
    const account = { ...fresh(), verified: false };
    server.provider.behaviour.account = account;
    const arrived = await server.travel({ provider: 'discord', redirect_to: 'https://app.example/in' });
    expect(fragment(arrived)).toMatchObject({ error_code: 'provider_email_needs_verification' });
    const { link } = await server.letter(account.email, 'confirmation');
    expect(fragment(await next(link))['access_token']).toBeTruthy();
    const later = fragment(await server.travel({ provider: 'discord' }));
    expect(later['access_token']).toBeTruthy();
  });

  test('an account that somebody registered beforehand loses all that was waiting in it', async () => {
    const account = fresh();
    const attacker = server.visitor();
    await attacker.auth.signUp({
      email: account.email,
      password: 'the attacker knows it',
      options: { data: { is_admin: true } },
    });
    const trap = await server.letter(account.email, 'confirmation');
    server.provider.behaviour.account = account;
    const { access_token = '' } = fragment(await server.travel({ provider: 'google' }));
    const { data } = await server.visitor().auth.getUser(access_token);
    expect(data.user?.identities?.map(({ provider }) => provider)).toEqual(['google']);
    expect(data.user?.user_metadata['is_admin']).toBeUndefined();
    expect(await usersOf(account.email)).toMatchObject([{ encrypted_password: '' }]);
    const { error } = await attacker.auth.signInWithPassword({
      email: account.email,
      password: 'the attacker knows it',
    });
    expect(error?.code).toBe('invalid_credentials');
    expect(fragment(await next(trap.link))['error_code']).toBe('otp_expired');
  });

  test('a ban, a closed shop, no address', async () => {
    const account = fresh();
    server.provider.behaviour.account = account;
    const { access_token = '' } = fragment(await server.travel({ provider: 'google' }));
    const id = (await server.visitor().auth.getUser(access_token)).data.user?.id ?? '';
    await server.admin().auth.admin.updateUserById(id, { ban_duration: '24h' });
    expect(fragment(await server.travel({ provider: 'google' }))).toMatchObject({
      error: 'access_denied',
      error_code: 'user_banned',
    });
    server.provider.behaviour.account = { ...fresh(), email: undefined };
    expect(fragment(await server.travel({ provider: 'discord' }))['error_code']).toBe('email_address_not_provided');
  });

  test('an invitation is accepted by the invited address alone', async () => {
    const account = fresh();
    await server.admin().auth.admin.inviteUserByEmail(account.email);
    const { link } = await server.letter(account.email, 'invite');
    const invite_token = new URL(link).searchParams.get('token') ?? '';
    server.provider.behaviour.account = fresh();
    expect(fragment(await server.travel({ provider: 'google', invite_token }))['error_code']).toBe('validation_failed');
    server.provider.behaviour.account = account;
    expect(fragment(await server.travel({ provider: 'google', invite_token }))['access_token']).toBeTruthy();
    expect(fragment(await server.travel({ provider: 'google', invite_token }))['error_code']).toBe('invite_not_found');
  });
});

describe('linking by hand', () => {
  const member = async (password?: string) =>
    signedIn(server, fresh().email, { flowType: 'pkce', ...(password && { password }) });

  async function link(client: ReturnType<OAuthServer['visitor']>, provider: 'google' | 'discord') {
    const { data, error } = await client.auth.linkIdentity({
      provider,
      options: { skipBrowserRedirect: true, redirectTo: 'https://app.example/linked' },
    });
    expect(error).toBeNull();
    return next((await next(data.url ?? '')).href);
  }

  test('adds an account, with whatever address, and takes it away again', async () => {
    const { client, email } = await member();
    server.provider.behaviour.account = { ...fresh(), verified: false };
    const arrived = await link(client, 'discord');
    expect((await client.auth.exchangeCodeForSession(arrived.searchParams.get('code') ?? '')).error).toBeNull();
    const { data } = await client.auth.getUserIdentities();
    expect(data?.identities.map(({ provider }) => provider).toSorted()).toEqual(['discord', 'email']);
    const discord = data?.identities.find(({ provider }) => provider === 'discord');
    if (!discord) throw new Error('not linked');
    expect((await client.auth.unlinkIdentity(discord)).error).toBeNull();
    const { data: after } = await client.auth.getUser();
    expect([after.user?.email, after.user?.app_metadata['providers']]).toEqual([email, ['email']]);
    const last = after.user?.identities?.[0];
    if (!last) throw new Error('no identity left');
    expect((await client.auth.unlinkIdentity(last)).error?.code).toBe('single_identity_not_deletable');
  });

  test('adds an account by an id_token, for whoever is signed in alone', async () => {
    const { client, id } = await member();
    const { sub, email } = fresh();
    const token = await server.provider.idToken({ sub, email, email_verified: true });
    const linked = await client.auth.linkIdentity({ provider: 'google', token });
    expect([linked.error, linked.data.user?.id]).toEqual([null, id]);
    const { data } = await client.auth.getUserIdentities();
    expect(data?.identities.map(({ provider }) => provider).toSorted()).toEqual(['email', 'google']);
    const body = { provider: 'google', id_token: token, link_identity: true };
    expect((await server.auth('/token?grant_type=id_token', { body })).status).toBe(401);
  });

  test('an account of somebody else stays theirs', async () => {
    const theirs = fresh();
    server.provider.behaviour.account = theirs;
    await server.travel({ provider: 'discord' });
    const { client } = await member();
    expect(fragment(await link(client, 'discord'))['error_code']).toBe('identity_already_exists');
    const stranger = randomBytes(16)
      .toString('hex')
      .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
    expect((await client.auth.unlinkIdentity({ identity_id: stranger } as never)).error?.code).toMatch(
      /identity_not_found|single/,
    );
  });

  test('without the identity that vouched for it, an address is no longer confirmed', async () => {
    const { client, email } = await member(PASSWORD);
    const account = fresh();
    server.provider.behaviour.account = account;
    await link(client, 'google');
    const { data } = await client.auth.getUserIdentities();
    const own = data?.identities.find(({ provider }) => provider === 'email');
    if (!own) throw new Error('no e-mail identity');
    expect((await client.auth.unlinkIdentity(own)).error).toBeNull();
    expect((await client.auth.getUser()).data.user?.email).toBe(account.email);
    for (const address of [email, account.email]) {
      const { error } = await server.visitor().auth.signInWithPassword({ email: address, password: PASSWORD });
      expect(error?.code).toBe('invalid_credentials');
    }
  });
});

describe('a provider that misbehaves', () => {
  test('an error with HTML arrives as text, at the site', async () => {
    server.provider.behaviour.refuse = { error: 'access_denied', error_description: '<img src=x onerror=alert(1)>' };
    const arrived = await server.travel({ provider: 'google', redirect_to: 'https://app.example/in' });
    expect(arrived.origin).toBe('https://app.example');
    expect(fragment(arrived)).toMatchObject({ error: 'access_denied' });
    expect(decodeURIComponent(arrived.href)).not.toMatch(/[<>]/);
    expect(arrived.searchParams.get('error')).toBe('access_denied');
  });

  test('one that is gone', async () => {
    server.provider.behaviour.tokenAnswer = { status: 503, body: '<html>down</html>' };
    const arrived = await server.travel({ provider: 'google' });
    expect(arrived.origin).toBe(SITE);
    expect(fragment(arrived)).toMatchObject({ error: 'server_error', error_code: 'unexpected_failure' });
  });
});

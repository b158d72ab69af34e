import { createHash, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fragment, PASSWORD, SITE } from '../support/mail.ts';
import { navigate, next, startOAuthServer, type OAuthServer } from '../support/oauth.ts';

/**
 * What somebody would try against sign-in by provider, by letter and by code. Each case that is accepted fails; how many
 * were tried is printed at the end.
 */
let server: OAuthServer;
let tried = 0;

beforeAll(async () => {
  server = await startOAuthServer();
});
afterEach(() => server.provider.reset());
afterAll(async () => {
  await server?.stop();
  process.stdout.write(`sign-in attacks: ${tried} tried, 0 accepted\n`);
});

let people = 0;
const fresh = () => ({ sub: `900${++people}`, email: `target${people}@mail.example`, verified: true, name: 'T' });

/** An account without a password: hashing one takes most of a test's time. */
async function member(): Promise<{ email: string; id: string }> {
  const { email } = fresh();
  const { data } = await server.admin().auth.admin.createUser({ email, email_confirm: true });
  return { email, id: data.user?.id ?? '' };
}

/** No session and no code came of it. */
function expectRefused(arrived: URL, code?: string): void {
  tried++;
  const { access_token, error_code } = fragment(arrived);
  expect([access_token, arrived.searchParams.get('code')]).toEqual([undefined, null]);
  expect(error_code).toBeTruthy();
  expect(error_code).toBe(code ?? error_code);
}

const VERIFIER = 'v'.repeat(64);
const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');
const PKCE = { code_challenge: challengeOf(VERIFIER), code_challenge_method: 's256' };

async function redeem(auth_code: string, code_verifier: string) {
  tried++;
  return server.auth('/token?grant_type=pkce', { body: { auth_code, code_verifier } });
}

async function codeFor(query: Record<string, string> = PKCE): Promise<string> {
  server.provider.behaviour.account = fresh();
  return (await server.travel({ provider: 'google', ...query })).searchParams.get('code') ?? '';
}

describe('the state', () => {
  const at = (query: Record<string, string>) => next(`${server.callback}?${new URLSearchParams(query).toString()}`);

  test.each([
    ['none', {}, 'bad_oauth_callback'],
    ['an empty one', { state: '' }, 'bad_oauth_callback'],
    ['one that never was', { state: randomUUID() }, 'bad_oauth_state'],
    ['text', { state: 'x' }, 'bad_oauth_state'],
    ['SQL', { state: "' or 1=1 --" }, 'bad_oauth_state'],
    ['a list', { state: `{${randomUUID()},${randomUUID()}}` }, 'bad_oauth_state'],
    ['a NUL', { state: '\0' }, 'bad_oauth_state'],
    ['a very long one', { state: 'a'.repeat(8_000) }, 'bad_oauth_state'],
  ])('%s', async (_, query, code) => {
    expectRefused(await at({ code: 'x', ...query }), code);
  });

  test('used twice, one after the other and at once', async () => {
    server.provider.behaviour.account = fresh();
    const back = await server.visit({ provider: 'google' });
    const arrived = await Promise.all(Array.from({ length: 10 }, () => next(back.href)));
    const entered = arrived.filter((url) => fragment(url)['access_token'] !== undefined);
    expect(entered).toHaveLength(1);
    for (const url of arrived) if (!entered.includes(url)) expectRefused(url, undefined);
    expectRefused(await next(back.href));
    expect(
      await server.rows('select 1 from auth.users where email = $1', [server.provider.behaviour.account.email]),
    ).toHaveLength(1);
  });

  test('used with a code that the provider gives out again', async () => {
    server.provider.behaviour.reusableCodes = true;
    server.provider.behaviour.account = fresh();
    const back = await server.visit({ provider: 'google' });
    expect(fragment(await next(back.href))['access_token']).toBeTruthy();
    expectRefused(await next(back.href));
  });

  test('expired', async () => {
    const back = await server.visit({ provider: 'google' });
    await server.sql("update auth.flow_state set created_at = created_at - interval '11 minutes'");
    expectRefused(await next(back.href), 'flow_state_expired');
  });

  test('of a letter’s flow', async () => {
    const { email } = await member();
    await server.auth('/recover', { body: { email, ...PKCE } });
    await server.letter(email);
    const [flow] = await server.rows<{ id: string }>(
      "select id from auth.flow_state where provider_type = 'email' order by created_at desc limit 1",
    );
    expectRefused(await at({ state: flow?.id ?? '', code: 'x' }), 'bad_oauth_state');
  });

  test('of a flow at another provider: its code is not taken there', async () => {
    server.provider.behaviour.account = fresh();
    const [google, discord] = [await server.visit({ provider: 'google' }), await server.visit({ provider: 'discord' })];
    const mixed = new URL(google);
    mixed.searchParams.set('code', discord.searchParams.get('code') ?? '');
    expectRefused(await next(mixed.href), 'unexpected_failure');
  });

  test('of the attacker, in the victim’s browser: login CSRF', async () => {
    server.provider.behaviour.account = fresh();
    const back = await server.visit({ provider: 'google' });
    expectRefused(await navigate(back.href), 'bad_oauth_state');
    const other = await server.visit({ provider: 'google' });
    const cookie = `vectabase-flow-${(back.searchParams.get('state') ?? '').slice(0, 8)}=${back.searchParams.get('state') ?? ''}`;
    expectRefused(await navigate(other.href, cookie), 'bad_oauth_state');
  });
});

test('a browser that began the flow may end it', async () => {
  server.provider.behaviour.account = fresh();
  const begun = await fetch(`${server.daemon.url}/auth/v1/authorize?provider=google`, { redirect: 'manual' });
  const cookie = begun.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/; Path=\/auth\/v1\/callback; Max-Age=600; HttpOnly; SameSite=Lax$/);
  const back = await next(begun.headers.get('location') ?? '');
  expect(fragment(await navigate(back.href, `a=b; ${cookie.split(';')[0] ?? ''}`))['access_token']).toBeTruthy();
});

describe('a code', () => {
  test('works once, also of ten at once', async () => {
    const code = await codeFor();
    const answers = await Promise.all(Array.from({ length: 10 }, () => redeem(code, VERIFIER)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await redeem(code, VERIFIER)).json).toMatchObject({ code: 404, error_code: 'flow_state_not_found' });
  });

  test.each([
    ['another verifier', 'w'.repeat(64)],
    ['the challenge itself', PKCE.code_challenge],
    ['the verifier with a blank', `${VERIFIER} `],
    ['part of it', 'v'.repeat(63)],
  ])('%s', async (_, verifier) => {
    const { status, json } = await redeem(await codeFor(), verifier);
    expect([status, json]).toMatchObject([400, { error_code: 'bad_code_verifier' }]);
  });

  test('with nothing, with the verifier of another flow, and late', async () => {
    const [one, other] = [
      await codeFor(),
      await codeFor({ code_challenge: challengeOf('w'.repeat(64)), code_challenge_method: 's256' }),
    ];
    expect((await redeem(one, '')).status).toBe(400);
    expect((await redeem('', VERIFIER)).status).toBe(400);
    expect((await redeem(one, 'w'.repeat(64))).status).toBe(400);
    expect((await redeem(other, VERIFIER)).status).toBe(400);
    await server.sql("update auth.flow_state set auth_code_issued_at = auth_code_issued_at - interval '6 minutes'");
    expect((await redeem(one, VERIFIER)).json).toMatchObject({ error_code: 'flow_state_expired' });
  });

  test('what the table holds is no code', async () => {
    const code = await codeFor();
    const rows = await server.rows<{ auth_code: string }>(
      'select auth_code from auth.flow_state where auth_code is not null',
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const { auth_code } of rows) {
      expect(auth_code).not.toBe(code);
      expect((await redeem(auth_code, VERIFIER)).status).toBe(404);
    }
  });
});

describe('what a page asks for', () => {
  const authorize = async (query: string) => {
    tried++;
    return server.auth(`/authorize?${query}`, { method: 'GET' });
  };

  test.each([
    ['no provider', ''],
    ['an unknown one', 'provider=evil'],
    ['one of JavaScript', 'provider=__proto__'],
    ['half of PKCE', `provider=google&code_challenge=${PKCE.code_challenge}`],
    ['the other half', 'provider=google&code_challenge_method=s256'],
    ['a short challenge', 'provider=google&code_challenge=short&code_challenge_method=s256'],
    ['a long one', `provider=google&code_challenge=${'a'.repeat(129)}&code_challenge_method=s256`],
    ['strange signs', `provider=google&code_challenge=${'%00'.repeat(43)}&code_challenge_method=s256`],
    ['another method', `provider=google&code_challenge=${PKCE.code_challenge}&code_challenge_method=md5`],
    ['plain, to a site', `provider=google&code_challenge=${VERIFIER}&code_challenge_method=plain`],
    [
      'plain, to a site by https',
      `provider=google&redirect_to=https://app.example/x&code_challenge=${VERIFIER}&code_challenge_method=PLAIN`,
    ],
  ])('%s', async (_, query) => {
    const { status, json } = await authorize(query);
    expect([status, json]).toMatchObject([400, { error_code: 'validation_failed' }]);
  });

  test('plain is taken from a page on this machine alone', async () => {
    const code = await codeFor({
      redirect_to: 'http://localhost:3000/in',
      code_challenge: VERIFIER,
      code_challenge_method: 'plain',
    });
    expect((await redeem(code, VERIFIER)).status).toBe(200);
  });

  test('parameters of the protocol are ours, in any spelling', async () => {
    const names = [
      'redirect_uri',
      'REDIRECT_URI',
      'Redirect_Uri',
      'state',
      'STATE',
      'code_challenge',
      'CODE_CHALLENGE',
      'client_id',
      'Client_Secret',
      'nonce',
      'response_type',
      'Response_Mode',
      'scope',
      'request',
      'request_uri',
    ];
    for (const name of names) {
      const query = name.toLowerCase() === 'code_challenge' ? '' : `&${name}=https://evil.example/`;
      const { headers } = await authorize(`provider=google${query}`);
      const asked = new URL(headers.get('location') ?? '');
      expect(asked.href).not.toContain('evil.example');
      expect(asked.searchParams.getAll('redirect_uri')).toEqual([server.callback]);
      expect(asked.searchParams.getAll('state')).toHaveLength(1);
    }
  });

  const TARGETS = [
    '//evil.example',
    'https://evil.example',
    'https://shop.example@evil.example',
    'https://shop.example.evil.example',
    'https://shop.example:8443/',
    'http://shop.example/',
    'https://evil.example\\@shop.example',
    'https://evil.example#@shop.example',
    'https://evil.example?.app.example/',
    'https://app.example.evil.example/',
    'http://2130706433:3000/',
    'http://[::1]:3000/',
    'http://localhost:3001/',
    'javascript:alert(document.domain)',
    'data:text/html,<script>1</script>',
    'https://evil.example/%2f..',
    'HTTPS://EVIL.EXAMPLE',
  ];

  test.each(TARGETS)('a way to %j, by provider and by letter', async (target) => {
    tried += 4;
    server.provider.behaviour.account = fresh();
    expect((await server.travel({ provider: 'google', redirect_to: target })).origin).toBe(SITE);
    const headers = { redirect_to: target, referer: target };
    const back = await fetch(`${server.daemon.url}/auth/v1/authorize?provider=google`, { redirect: 'manual', headers });
    expect((await next((await next(back.headers.get('location') ?? '')).href)).origin).toBe(SITE);
    const query = new URLSearchParams({ token: 'x', type: 'signup', redirect_to: target }).toString();
    expect((await next(`${server.daemon.url}/auth/v1/verify?${query}`)).origin).toBe(SITE);
    const { email } = await member();
    await server.auth(`/recover?${new URLSearchParams({ redirect_to: target }).toString()}`, { body: { email } });
    expect(new URL((await server.letter(email)).link).searchParams.get('redirect_to')).toBe(SITE);
  });

  test('tokens of the attacker’s in the address, for the page to find', async () => {
    tried++;
    server.provider.behaviour.account = fresh();
    const target = 'https://app.example/in#access_token=attacker&refresh_token=attacker';
    const arrived = await server.travel({ provider: 'google', redirect_to: target, ...PKCE });
    expect(arrived.href).not.toContain('attacker');
  });
});

describe('letters', () => {
  test.each([
    'a@x.example\r\nBcc: b@x.example',
    'a@x.example,b@x.example',
    'a@x.example;b@x.example',
    '<a@x.example>',
    'a@x.example\0b@y.example',
    '"a@x.example" <b@y.example>',
    ['a@x.example', 'b@y.example'],
    { address: 'a@x.example' },
  ])('an address that is more than one: %j', async (email) => {
    for (const path of ['/recover', '/otp', '/magiclink', '/signup', '/resend', '/invite']) {
      tried++;
      const headers = path === '/invite' ? { authorization: `Bearer ${server.keys.serviceRoleKey}` } : {};
      const { status } = await server.auth(path, { body: { email, password: PASSWORD, type: 'signup' }, headers });
      expect(status).toBe(400);
    }
  });

  test('templates and markup in metadata stay text', async () => {
    tried++;
    const { email } = fresh();
    const data = { name: '{{ .Token }} <script>alert(1)</script>\r\nBcc: x@y.example', full_name: '{{ .SiteURL }}' };
    await server.visitor().auth.signUp({ email, password: PASSWORD, options: { data } });
    const letter = await server.letter(email);
    expect(letter.html).not.toContain('<script>alert');
    expect(letter.subject).not.toMatch(/[\r\n]/);
  });

  test('a link of one kind opens no other, and no guess of a link is a guess of its code', async () => {
    const { email } = await member();
    await server.auth('/recover', { body: { email } });
    const { link, code } = await server.letter(email);
    for (const type of ['signup', 'invite', 'email_change']) {
      const other = new URL(link);
      other.searchParams.set('type', type);
      expectRefused(await next(other.href), 'otp_expired');
    }
    // GoTrue's link: whoever has guessed the six digits could follow it without naming the account.
    const guess = createHash('sha224')
      .update(email + code)
      .digest('hex');
    expectRefused(await next(`${server.daemon.url}/auth/v1/verify?token=${guess}&type=recovery`), 'otp_expired');
    tried++;
    expect((await server.auth('/verify', { body: { token_hash: guess, type: 'recovery' } })).status).toBe(403);
    const [row] = await server.rows<{ hash: string; column: string }>(
      `select t.token_hash as hash, u.recovery_token as column from auth.one_time_tokens t join auth.users u on u.id = t.user_id where u.email = $1`,
      [email],
    );
    for (const kept of [row?.hash ?? '', row?.column ?? '']) {
      expectRefused(await next(`${server.daemon.url}/auth/v1/verify?token=${kept}&type=recovery`), 'otp_expired');
    }
    expect(fragment(await next(link))['access_token']).toBeTruthy();
  });

  test('a link, ten times at once', async () => {
    const { email } = await member();
    await server.auth('/recover', { body: { email } });
    const { link } = await server.letter(email);
    const arrived = await Promise.all(Array.from({ length: 10 }, () => next(link)));
    tried += 10;
    expect(arrived.filter((url) => fragment(url)['access_token'] !== undefined)).toHaveLength(1);
  });

  test('a code with the address of somebody else, from another letter, or too late', async () => {
    const [one, other] = [await member(), await member()];
    await server.auth('/recover', { body: { email: one.email } });
    const { code } = await server.letter(one.email);
    for (const [email, token, type] of [
      [other.email, code, 'recovery'],
      [one.email, code, 'signup'],
      [one.email, code, 'email_change'],
      [one.email, `${code} `, 'recovery'],
      [one.email, '', 'recovery'],
    ] as const) {
      tried++;
      expect((await server.auth('/verify', { body: { email, token, type } })).status).toBeGreaterThanOrEqual(400);
    }
    await server.sql("update auth.users set recovery_sent_at = recovery_sent_at - interval '11 minutes'");
    tried++;
    expect((await server.auth('/verify', { body: { email: one.email, token: code, type: 'recovery' } })).status).toBe(
      403,
    );
  });

  test('guesses from many addresses end after five', async () => {
    const { email } = await member();
    await server.auth('/recover', { body: { email } });
    const { code } = await server.letter(email);
    for (let guess = 0; guess < 6; guess++) {
      tried++;
      const token = String((Number(code) + 1 + guess) % 1_000_000).padStart(6, '0');
      const headers = { 'x-forwarded-for': `198.51.100.${guess}` };
      expect((await server.auth('/verify', { body: { email, token, type: 'recovery' }, headers })).status).toBe(403);
    }
    tried++;
    expect((await server.auth('/verify', { body: { email, token: code, type: 'recovery' } })).status).toBe(403);
  });
});

describe('who has an account', () => {
  const shape = ({ status, json }: { status: number; json: unknown }, email: string) => ({
    status,
    text: JSON.stringify(json)
      .replaceAll(email, 'EMAIL')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'X'),
  });

  test.each(['/recover', '/otp', '/magiclink', '/resend', '/verify', '/token?grant_type=password'])(
    '%s does not tell',
    async (path) => {
      const { email: known } = await member();
      const banned = await member();
      await server.admin().auth.admin.updateUserById(banned.id, { ban_duration: '24h' });
      const without = fresh().email;
      await server.admin().auth.admin.createUser({ email: without, email_confirm: true });
      const answers = [];
      for (const email of [known, banned.email, without, fresh().email]) {
        tried++;
        const body = {
          email,
          password: 'a wrong password',
          type: path === '/verify' ? 'recovery' : 'signup',
          token: '000000',
        };
        answers.push(shape(await server.auth(path, { body }), email));
      }
      expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    },
  );
});

describe('set up with more care', () => {
  let slow: OAuthServer;
  const email = 'known@mail.example';

  beforeAll(async () => {
    slow = await startOAuthServer({}, { gapSeconds: 60, confirmPage: true });
    await slow.admin().auth.admin.createUser({ email, email_confirm: true });
  });
  afterAll(() => slow?.stop());

  test.each(['/recover', '/otp', '/magiclink', '/resend'])(
    'the gap between letters of %s is the same for all',
    async (path) => {
      const answers = [];
      for (const address of [email, 'unknown@mail.example']) {
        await slow.auth(path, { body: { email: address, type: 'signup' } });
        const { status, json } = await slow.auth(path, { body: { email: address, type: 'signup' } });
        answers.push({ status, code: (json as { error_code: string }).error_code });
        tried++;
      }
      const refusal = { status: 429, code: 'over_email_send_rate_limit' };
      expect(answers).toEqual([refusal, refusal]);
    },
  );

  test('and named in seconds', async () => {
    const { json } = await slow.auth('/recover', { body: { email } });
    expect(json).toMatchObject({
      msg: expect.stringMatching(/^For security purposes, you can only request this after \d+ seconds\.$/),
    });
  });

  test('a scanner that follows links uses nothing up; a person presses a button', async () => {
    const careful = 'careful@mail.example';
    await slow.admin().auth.admin.createUser({ email: careful, email_confirm: true });
    await slow.auth('/recover', { body: { email: careful } });
    const { link } = await slow.letter(careful, 'recovery');
    for (let visit = 0; visit < 3; visit++) {
      tried++;
      const page = await fetch(link, { redirect: 'manual' });
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'/,
      );
    }
    const hostile = await (await fetch(`${link}&x="><script>alert(1)</script>`)).text();
    expect(hostile).not.toContain('<script>');
    const page = await (await fetch(link)).text();
    const action = /<form method="post" action="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const pressed = await fetch(new URL(action, link), { method: 'POST', redirect: 'manual' });
    expect(pressed.status).toBe(303);
    expect(fragment(new URL(pressed.headers.get('location') ?? ''))['access_token']).toBeTruthy();
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';
import { eventually } from '../support/daemon.ts';

let server: AuthServer;

beforeAll(async () => {
  server = await startAuthServer({ autoconfirm: true });
});
afterAll(() => server?.stop());

const MODERN = { 'x-supabase-api-version': '2024-01-01' };
const PASSWORD = 'correct horse battery';
const signUp = (email: string, password = PASSWORD) => server.auth('/signup', { body: { email, password } });

describe('two shapes', () => {
  test('without a version: a number, error_code and msg', async () => {
    const answer = await server.auth('/token?grant_type=password', {
      body: { email: 'no@example.com', password: 'x' },
    });
    expect(answer.json).toEqual({ code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' });
    expect(answer.headers.get('x-sb-error-code')).toBe('invalid_credentials');
    expect(answer.headers.get('x-supabase-api-version')).toBeNull();
  });

  test('with it: the code as text, and the version back', async () => {
    const body = { email: 'no@example.com', password: 'x' };
    const answer = await server.auth('/token?grant_type=password', { body, headers: MODERN });
    expect(answer.json).toEqual({ code: 'invalid_credentials', message: 'Invalid login credentials' });
    expect(answer.headers.get('x-supabase-api-version')).toBe('2024-01-01');
    const odd = await server.auth('/token?grant_type=password', {
      body,
      headers: { 'x-supabase-api-version': 'soon' },
    });
    expect(odd.json).toMatchObject({ code: 400 });
  });

  test('a weak password says why', async () => {
    const answer = await signUp('weak@example.com', 'short');
    expect([answer.status, answer.json]).toMatchObject([
      422,
      { code: 422, error_code: 'weak_password', weak_password: { reasons: ['length'] } },
    ]);
    const { error } = await server.visitor().auth.signUp({ email: 'weak@example.com', password: 'short' });
    expect(error).toMatchObject({ name: 'AuthWeakPasswordError', reasons: ['length'] });
  });

  test('grants in words of OAuth', async () => {
    const answer = await server.auth('/token?grant_type=constructor', { body: {} });
    expect([answer.status, answer.json]).toMatchObject([400, { error: 'unsupported_grant_type' }]);
  });
});

describe('what is refused', () => {
  const cases: Array<[what: string, target: string, body: unknown, status: number, code: string]> = [
    ['no JSON', '/signup', '{"email":', 400, 'bad_json'],
    ['a list', '/signup', '[]', 400, 'bad_json'],
    ['a number for text', '/signup', { email: 1, password: PASSWORD }, 400, 'bad_json'],
    ['deep JSON', '/signup', `{"data":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, 400, 'bad_json'],
    ['U+0000', '/signup', '{"email":"a@example.com","password":"correct horse\\u0000"}', 400, 'bad_json'],
    ['half a character', '/signup', '{"email":"a@example.com","data":{"\\ud800":1}}', 400, 'bad_json'],
    ['one letter', '/signup', { email: 'ÿ' }, 400, 'validation_failed'],
    ['no password', '/signup', { email: 'a@example.com' }, 400, 'validation_failed'],
    ['an address without @', '/signup', { email: 'a.example.com', password: PASSWORD }, 400, 'validation_failed'],
    [
      'two addresses',
      '/signup',
      { email: 'a@example.com,b@example.com', password: PASSWORD },
      400,
      'validation_failed',
    ],
    [
      'a line end',
      '/signup',
      { email: 'a@example.com\nBcc: b@example.com', password: PASSWORD },
      400,
      'validation_failed',
    ],
    ['73 bytes', '/signup', { email: 'a@example.com', password: 'x'.repeat(73) }, 400, 'validation_failed'],
    [
      '72 characters of two bytes',
      '/signup',
      { email: 'a@example.com', password: 'é'.repeat(37) },
      400,
      'validation_failed',
    ],
    ['a phone number', '/signup', { phone: '491701234567', password: PASSWORD }, 400, 'phone_provider_disabled'],
    [
      'phone and e-mail',
      '/signup',
      { email: 'a@example.com', phone: '1', password: PASSWORD },
      400,
      'validation_failed',
    ],
    ['anonymous', '/signup', {}, 422, 'anonymous_provider_disabled'],
    ['no address', '/token?grant_type=password', { password: PASSWORD }, 400, 'validation_failed'],
    ['a phone login', '/token?grant_type=password', { phone: '1', password: PASSWORD }, 422, 'phone_provider_disabled'],
    ['a wallet', '/token?grant_type=web3', {}, 404, 'web3_provider_disabled'],
    ['SAML', '/sso', { domain: 'example.com' }, 404, 'saml_provider_disabled'],
    ['a passkey', '/passkeys/registration/options', {}, 404, 'passkey_disabled'],
    ['nothing there', '/nowhere', {}, 404, 'validation_failed'],
    ['the wrong method', '/user', {}, 405, 'validation_failed'],
  ];
  test.each(cases)('%s', async (_what, target, body, status, code) => {
    const answer = await server.auth(target, { body });
    expect([answer.status, (answer.json as { error_code: string }).error_code]).toEqual([status, code]);
  });

  test('an address that is taken, when nobody is asked to confirm', async () => {
    expect((await signUp('twice@example.com')).status).toBe(200);
    const again = await signUp('TWICE@example.com');
    expect([again.status, again.json]).toMatchObject([422, { error_code: 'user_already_exists' }]);
  });

  test('the same address ten times at once makes one account', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => signUp('race@example.com')));
    const made = answers.filter(({ status }) => status === 200);
    expect(made).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(9);
  });

  test('a body of more than a megabyte', async () => {
    const answer = await server.auth('/signup', { body: `{"data":"${'x'.repeat(1_100_000)}"}` });
    expect(answer.status).toBe(413);
  });

  test('no API key, a wrong one; open doors need none', async () => {
    const { url } = server.daemon;
    const bare = await fetch(`${url}/auth/v1/settings`);
    expect([bare.status, await bare.json()]).toMatchObject([401, { error_code: 'no_authorization' }]);
    const wrong = await fetch(`${url}/auth/v1/settings`, { headers: { apikey: 'sb_publishable_wrong' } });
    expect(wrong.status).toBe(401);
    const keys = await fetch(`${url}/auth/v1/.well-known/jwks.json`);
    expect([keys.status, keys.headers.get('cache-control')]).toEqual([200, 'public, max-age=600']);
    expect(JSON.stringify(await keys.json())).not.toContain('oct');
  });

  test('HEAD has no routes, so it consumes nothing', async () => {
    expect((await server.auth('/settings', { method: 'HEAD' })).status).toBe(405);
  });

  test('answers may not be kept by anybody on the way', async () => {
    const answer = await signUp('kept@example.com');
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});

describe('settings and health', () => {
  test('what a client asks for at its start', async () => {
    const settings = await server.auth('/settings');
    expect(settings.json).toMatchObject({
      external: { email: true, phone: false, google: expect.any(Boolean) as boolean, anonymous_users: false },
      disable_signup: false,
      mailer_autoconfirm: true,
    });
    expect((await server.auth('/health')).json).toMatchObject({ name: 'GoTrue' });
  });
});

describe("the owner's triggers", () => {
  test('one that fails is named in the log, and the client gets the words it knows', async () => {
    await server.sql(`
      create table public.profiles (id uuid, handle text not null);
      create function public.make_profile() returns trigger language plpgsql security definer set search_path = '' as
        $$ begin insert into public.profiles (id) values (new.id); return new; end $$;
      create trigger on_auth_user_created after insert on auth.users for each row
        when (new.email like 'trigger%') execute function public.make_profile()`);
    const body = { email: 'trigger@example.com', password: PASSWORD };
    const modern = await server.auth('/signup', { body, headers: MODERN });
    expect([modern.status, modern.json]).toEqual([
      500,
      { code: 'unexpected_failure', message: 'Database error saving new user' },
    ]);
    const old = await server.auth('/signup', { body });
    expect([old.status, old.json]).toMatchObject([500, { code: '23502' }]);
    const logged = (): Record<string, unknown> | undefined =>
      server.daemon.log().findLast(({ msg }) => msg === 'auth failed');
    await expect.poll(logged).toBeDefined();
    const line = logged();
    expect(line).toMatchObject({ sqlState: '23502', table: 'profiles', column: 'handle' });
    expect(line?.['in']).toContain('make_profile');
    const left = await server.rows(`select 1 from auth.users where email = 'trigger@example.com'`);
    expect(left).toEqual([]);
  });

  test('RAISE with a code PTnnn chooses the status', async () => {
    await server.sql(`
      create function public.refuse() returns trigger language plpgsql as
        $$ begin raise sqlstate 'PT418' using message = 'short and stout', hint = 'tip me over'; end $$;
      create trigger refuse before insert on auth.users for each row when (new.email like 'teapot%')
        execute function public.refuse()`);
    const old = await signUp('teapot@example.com');
    expect([old.status, old.json]).toEqual([418, { code: 'PT418', message: 'short and stout', hint: 'tip me over' }]);
  });
});

describe('the database goes away', () => {
  test('503 for everything, never a 4xx that would sign people out; then all works on', async () => {
    const { json } = await signUp('steady@example.com');
    const session = json as { access_token: string; refresh_token: string };
    const bearer = { authorization: `Bearer ${session.access_token}` };
    await server.cluster.kill('SIGKILL');
    const tries = () => [
      server.auth('/token?grant_type=refresh_token', { body: { refresh_token: session.refresh_token } }),
      server.auth('/token?grant_type=password', { body: { email: 'steady@example.com', password: PASSWORD } }),
      server.auth('/user', { headers: bearer }),
      server.auth('/logout', { method: 'POST', headers: bearer }),
      signUp('while-away@example.com'),
    ];
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(tries());
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
      expect(answers.every(({ headers }) => headers.get('retry-after') === '1')).toBe(true);
    }
    await server.cluster.restart();
    const back = await eventually(async () => {
      const body = { refresh_token: session.refresh_token };
      const answer = await server.auth('/token?grant_type=refresh_token', { body });
      return answer.status === 200 && answer;
    });
    expect(back?.status).toBe(200);
  });
});

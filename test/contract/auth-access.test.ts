import { createHmac, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';

let server: AuthServer;

beforeAll(async () => {
  server = await startAuthServer({ autoconfirm: true, anonymousUsers: true });
});
afterAll(() => server?.stop());

const PASSWORD = 'correct horse battery';
interface Grant {
  readonly access_token: string;
  readonly expires_in: number;
  readonly expires_at: number;
  readonly user: { readonly id: string };
}
let people = 0;
async function signUp(): Promise<Grant> {
  const answer = await server.auth('/signup', { body: { email: `access${people++}@example.com`, password: PASSWORD } });
  expect(answer.status).toBe(200);
  return answer.json as Grant;
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const user = (token: string) => server.auth('/user', { headers: bearer(token) });
const outcome = ({ status, json }: { status: number; json: unknown }) => [
  status,
  (json as { error_code?: string }).error_code,
];
const seconds = () => Math.floor(Date.now() / 1000);

test('claims are those of a hosted project, in a token for an hour', async () => {
  const grant = await signUp();
  const claims = jwt.verify(grant.access_token, server.keys.jwtSecret) as jwt.JwtPayload;
  const names = 'aal amr app_metadata aud email exp iat is_anonymous iss phone role session_id sub user_metadata';
  expect(Object.keys(claims).toSorted().join(' ')).toBe(names);
  expect(claims).toMatchObject({
    iss: `${server.daemon.url}/auth/v1`,
    sub: grant.user.id,
    aud: 'authenticated',
    role: 'authenticated',
    aal: 'aal1',
    amr: [{ method: 'password', timestamp: expect.any(Number) as number }],
    phone: '',
    is_anonymous: false,
  });
  expect([grant.expires_in, grant.expires_at]).toEqual([3_600, claims.exp]);
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(3_600);
});

test('row policies see who it is', async () => {
  await server.sql(`create function public.me() returns uuid language sql as 'select auth.uid()'`);
  const grant = await signUp();
  await expect
    .poll(async () => (await server.client({ token: grant.access_token }).rpc('me')).data as unknown)
    .toBe(grant.user.id);
});

describe('a good signature is not enough', () => {
  test('signed out: here, elsewhere, everywhere', async () => {
    const { user: me } = await signUp();
    const email = (await server.rows<{ email: string }>('select email from auth.users where id = $1', [me.id]))[0]
      ?.email;
    const enter = async () =>
      (await server.auth('/token?grant_type=password', { body: { email, password: PASSWORD } })).json as Grant;
    const leave = async (token: string, scope: string) =>
      server.auth(`/logout?scope=${scope}`, { method: 'POST', headers: bearer(token) });
    const [a, b, c] = [await enter(), await enter(), await enter()];
    expect((await leave(a.access_token, 'local')).status).toBe(204);
    expect(outcome(await user(a.access_token))).toEqual([403, 'session_not_found']);
    expect((await leave(b.access_token, 'others')).status).toBe(204);
    expect(outcome(await user(c.access_token))).toEqual([403, 'session_not_found']);
    expect((await user(b.access_token)).status).toBe(200);
    expect(outcome(await leave(b.access_token, 'all'))).toEqual([400, 'validation_failed']);
    expect((await leave(b.access_token, 'global')).status).toBe(204);
    expect(outcome(await user(b.access_token))).toEqual([403, 'session_not_found']);
  });

  test('banned, deleted, deleted softly', async () => {
    const { auth } = server.admin();
    const banned = await signUp();
    await auth.admin.updateUserById(banned.user.id, { ban_duration: '1h' });
    expect(outcome(await user(banned.access_token))).toEqual([403, 'user_banned']);
    const deleted = await signUp();
    await auth.admin.deleteUser(deleted.user.id);
    expect(outcome(await user(deleted.access_token))).toEqual([403, 'user_not_found']);
    const softly = await signUp();
    await auth.admin.deleteUser(softly.user.id, true);
    expect(outcome(await user(softly.access_token))).toEqual([403, 'user_not_found']);
    const [row] = await server.rows<{ email: string; deleted: boolean; identities: number }>(
      `select email, deleted_at is not null as deleted,
         (select count(*)::int from auth.identities where user_id = u.id) as identities
         from auth.users u where id = $1`,
      [softly.user.id],
    );
    expect(row).toMatchObject({ deleted: true, identities: 0 });
    expect(row?.email).not.toContain('example.com');
  });

  test('somebody else’s session', async () => {
    const [mine, theirs] = [await signUp(), await signUp()];
    const session = (jwt.decode(theirs.access_token) as jwt.JwtPayload)['session_id'] as string;
    const claims = jwt.decode(mine.access_token) as jwt.JwtPayload;
    expect(outcome(await user(server.token({ ...claims, session_id: session })))).toEqual([403, 'session_not_found']);
  });

  test('an admin who may not sign in is no admin', async () => {
    const grant = await signUp();
    const { auth } = server.admin();
    await auth.admin.updateUserById(grant.user.id, { role: 'service_role' });
    const token = server.token({ ...(jwt.decode(grant.access_token) as jwt.JwtPayload), role: 'service_role' });
    expect((await server.auth('/admin/users', { headers: bearer(token) })).status).toBe(200);
    await auth.admin.updateUserById(grant.user.id, { ban_duration: '1h' });
    expect(outcome(await server.auth('/admin/users', { headers: bearer(token) }))).toEqual([403, 'user_banned']);
  });
});

describe('tokens that are not good, on /user and /admin/users', () => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forge = (header: object, claims: object, key: string | Buffer, hash = 'sha256'): string => {
    const text = `${part(header)}.${part(claims)}`;
    return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
  };
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const der = pair.publicKey.export({ type: 'spki', format: 'der' });

  test('none of them opens a door', async () => {
    const grant = await signUp();
    const own = jwt.decode(grant.access_token) as jwt.JwtPayload;
    const admin = { role: 'service_role', iss: 'supabase', exp: seconds() + 600 };
    const { jwtSecret, anonKey, serviceRoleKey } = server.keys;
    const jwk = pair.publicKey.export({ format: 'jwk' });
    const now = seconds();
    const each = (claims: object): string[] => [
      ...['none', 'None', 'NONE', 'nOnE', ''].map((alg) => `${part({ alg, typ: 'JWT' })}.${part(claims)}.`),
      `${part({ alg: 'none' })}.${part(claims)}.${'A'.repeat(43)}`,
      `${part({ alg: 'HS256' })}.${part(claims)}`,
      `${part({ alg: 'HS256' })}.${part(claims)}.`,
      forge({ alg: 'HS256' }, claims, ''),
      forge({ alg: 'HS256' }, claims, anonKey),
      forge({ alg: 'HS256' }, claims, pem),
      forge({ alg: 'HS256' }, claims, der),
      forge({ alg: 'HS256' }, claims, JSON.stringify(jwk)),
      forge({ alg: 'HS384' }, claims, jwtSecret, 'sha384'),
      forge({ alg: 'HS512' }, claims, jwtSecret, 'sha512'),
      forge({ alg: 'HS256', crit: ['exp'] }, claims, jwtSecret),
      ...['../../etc/passwd', "' or 1=1 --", 'https://evil.example/keys', 'nobody'].map((kid) =>
        forge({ alg: 'ES256', kid }, claims, jwtSecret),
      ),
      forge({ alg: 'HS256', jwk: { kty: 'oct', k: part('k') } }, claims, part('k')),
      jwt.sign(claims, pair.privateKey, { algorithm: 'ES256', header: { alg: 'ES256', jwk } as never }),
      jwt.sign(claims, pair.privateKey, {
        algorithm: 'ES256',
        header: { alg: 'ES256', jku: 'https://evil.example' },
      }),
      jwt.sign(claims, pair.privateKey, {
        algorithm: 'ES256',
        header: { alg: 'ES256', x5u: 'https://evil.example' },
      }),
      forge({ alg: 'HS256' }, { ...claims, exp: now - 3_600 }, jwtSecret),
      forge({ alg: 'HS256' }, { ...claims, exp: 'never' }, jwtSecret),
      forge({ alg: 'HS256' }, { ...claims, nbf: now + 3_600 }, jwtSecret),
      forge({ alg: 'HS256' }, { ...claims, iat: now + 3_600 }, jwtSecret),
    ];
    const swapped = `${grant.access_token.split('.').slice(0, 2).join('.')}.${serviceRoleKey.split('.')[2] ?? ''}`;
    const onUser = [...each(own), swapped, anonKey, serviceRoleKey, 'x', 'a.b.c'];
    const onAdmin = [
      ...each(admin),
      swapped,
      anonKey,
      grant.access_token,
      ...['postgres', 'supabase_auth_admin', 'nobody', "service_role'", 'service_role ', ['service_role'], null, 1].map(
        (role) => forge({ alg: 'HS256' }, { ...admin, role }, jwtSecret),
      ),
    ];
    let accepted = 0;
    for (const [target, tokens] of [['/user', onUser] as const, ['/admin/users', onAdmin] as const]) {
      for (const token of tokens) {
        const answer = await server.auth(target, { headers: bearer(token) });
        if (answer.status < 400) accepted++;
        expect([400, 401, 403], `${target} ${token}`).toContain(answer.status);
      }
    }
    expect({ tried: onUser.length + onAdmin.length, accepted }).toEqual({
      tried: onUser.length + onAdmin.length,
      accepted: 0,
    });
    expect(onUser.length + onAdmin.length).toBeGreaterThan(60);
  });
});

test('an anonymous user has an account of their own, and can make it permanent', async () => {
  const client = server.visitor();
  const { data, error } = await client.auth.signInAnonymously({ options: { data: { theme: 'dark' } } });
  expect(error).toBeNull();
  expect(data.user).toMatchObject({ is_anonymous: true, user_metadata: { theme: 'dark' }, email: '' });
  const alone = await client.auth.updateUser({ password: PASSWORD });
  expect(alone.error).toMatchObject({ status: 422, code: 'validation_failed' });
  const changed = await client.auth.updateUser({ email: 'was-anonymous@example.com', password: PASSWORD });
  expect(changed.error).toBeNull();
  expect(changed.data.user).toMatchObject({
    id: data.user?.id,
    is_anonymous: false,
    email: 'was-anonymous@example.com',
  });
  const back = await server
    .visitor()
    .auth.signInWithPassword({ email: 'was-anonymous@example.com', password: PASSWORD });
  expect(back.data.user?.id).toBe(data.user?.id);
});

describe('a user may not', () => {
  test('raise their own app_metadata, take the address of another', async () => {
    const [mine, theirs] = [await signUp(), await signUp()];
    const put = (body: unknown) => server.auth('/user', { method: 'PUT', body, headers: bearer(mine.access_token) });
    expect(outcome(await put({ app_metadata: { role: 'admin' } }))).toEqual([403, 'not_admin']);
    const [other] = await server.rows<{ email: string }>('select email from auth.users where id = $1', [
      theirs.user.id,
    ]);
    expect(outcome(await put({ email: other?.email.toUpperCase() }))).toEqual([422, 'email_exists']);
    expect((await put({ role: 'service_role', id: theirs.user.id })).json).toMatchObject({
      id: mine.user.id,
      role: 'authenticated',
    });
  });

  test('change the password without the second factor they have', async () => {
    const grant = await signUp();
    await server.sql(`insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
      values (gen_random_uuid(), '${grant.user.id}', 'totp', 'verified', now(), now())`);
    const body = { password: 'another horse battery' };
    const answer = await server.auth('/user', { method: 'PUT', body, headers: bearer(grant.access_token) });
    expect(outcome(answer)).toEqual([401, 'insufficient_aal']);
  });
});

test('every event is in the audit log, with the address it came from', async () => {
  const grant = await signUp();
  await server.auth('/logout', { method: 'POST', headers: bearer(grant.access_token) });
  const rows = await server.rows<{ action: string; ip: string }>(
    `select payload ->> 'action' as action, ip_address as ip from auth.audit_log_entries
       where payload ->> 'actor_id' = $1 order by created_at`,
    [grant.user.id],
  );
  expect(rows.map(({ action }) => action)).toEqual(['user_signedup', 'login', 'logout']);
  expect(new Set(rows.map(({ ip }) => ip))).toEqual(new Set(['127.0.0.1']));
});

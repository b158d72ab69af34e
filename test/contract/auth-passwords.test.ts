import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hash as argon2 } from '@node-rs/argon2';
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';

const PASSWORD = 'correct horse battery';
const LEAKED = 'Password1234';

let server: AuthServer;
let breaches: Server;
const asked: string[] = [];

beforeAll(async () => {
  breaches = createServer((request, response) => {
    const prefix = (request.url ?? '').replace('/range/', '');
    asked.push(prefix);
    if (prefix === sha1('Unavailable1234').slice(0, 5)) response.statusCode = 503;
    const leaked = sha1(LEAKED);
    // Padding, as the real one sends it, has a count of 0.
    const lines = [
      `${sha1('Padding1234').slice(5)}:0`,
      ...(leaked.startsWith(prefix) ? [`${leaked.slice(5)}:42`] : []),
    ];
    response.end(lines.join('\r\n'));
  });
  await new Promise<void>((resolve) => breaches.listen(0, '127.0.0.1', resolve));
  const { port } = breaches.address() as AddressInfo;
  server = await startAuthServer({
    autoconfirm: true,
    passwordMinLength: 10,
    passwordRequirements: 'lower_upper_letters_digits',
    breachedPasswords: true,
    breachedPasswordsUrl: `http://127.0.0.1:${port}/range`,
  });
});
afterAll(async () => {
  await server?.stop();
  breaches?.close();
});

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex').toUpperCase();
const signIn = (email: string, password: string) =>
  server.auth('/token?grant_type=password', { body: { email, password } });
const errorCode = ({ json }: { json: unknown }) => (json as { error_code?: string }).error_code;

let people = 0;
async function userWith(encryptedPassword: string | null): Promise<string> {
  const email = `hash${people++}@example.com`;
  const [row] = await server.rows<{ id: string }>(
    `insert into auth.users (id, instance_id, email, encrypted_password, email_confirmed_at, aud, role)
       values (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', $1, $2, now(), 'authenticated', 'authenticated')
       returning id`,
    [email, encryptedPassword],
  );
  expect(row).toBeDefined();
  return email;
}
const storedHash = async (email: string) =>
  (
    await server.rows<{ hash: string }>('select encrypted_password as hash from auth.users where email = $1', [email])
  )[0]?.hash;

describe('hashes that arrive with a project', () => {
  // From the published test vectors of Firebase's algorithm; its password is `mytestpassword`.
  const FIREBASE =
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==';
  const cases: Array<[kind: string, hash: () => Promise<string>, password: string]> = [
    ['$2a$04', async () => (await bcrypt.hash(PASSWORD, 4)).replace('$2b$', '$2a$'), PASSWORD],
    ['$2b$10', async () => bcrypt.hash(PASSWORD, 10), PASSWORD],
    ['$2y$10', async () => (await bcrypt.hash(PASSWORD, 10)).replace('$2b$', '$2y$'), PASSWORD],
    ['argon2id', async () => argon2(PASSWORD, { memoryCost: 4096, timeCost: 2, parallelism: 1 }), PASSWORD],
    [
      'argon2i',
      async () => argon2(PASSWORD, { algorithm: 1, memoryCost: 4096, timeCost: 2, parallelism: 1 }),
      PASSWORD,
    ],
    ['Firebase', async () => FIREBASE, 'mytestpassword'],
  ];
  test.each(cases)('%s: lets in, and is bcrypt 12 from then on', async (_kind, hash, password) => {
    const email = await userWith(await hash());
    expect(errorCode(await signIn(email, `${password}!`))).toBe('invalid_credentials');
    expect((await signIn(email, password)).status).toBe(200);
    expect(await storedHash(email)).toMatch(/^\$2b\$12\$/);
    expect((await signIn(email, password)).status).toBe(200);
  });

  test('a stronger one stays as it is', async () => {
    const hash = await bcrypt.hash(PASSWORD, 13);
    const email = await userWith(hash);
    expect((await signIn(email, PASSWORD)).status).toBe(200);
    expect(await storedHash(email)).toBe(hash);
  });

  test('none, NULL, encrypted or unreadable: nobody gets in, in the same words', async () => {
    for (const hash of [
      null,
      '',
      '{"key_id":"1","alg":"aes-gcm-hkdf"}',
      '$2b$12$short',
      '$argon2id$v=19$m=99999999,t=3,p=2$aaaa$aaaa',
    ]) {
      const email = await userWith(hash);
      for (const password of ['', PASSWORD]) {
        const answer = await signIn(email, password);
        expect([answer.status, errorCode(answer)]).toEqual([400, 'invalid_credentials']);
      }
    }
  });

  test('the 73rd byte counts: bcrypt would not see it', async () => {
    const email = await userWith(await bcrypt.hash('x'.repeat(72), 4));
    expect(errorCode(await signIn(email, `${'x'.repeat(72)}y`))).toBe('invalid_credentials');
    expect((await signIn(email, 'x'.repeat(72))).status).toBe(200);
  });

  test('a long one of another kind lets in, and stays: bcrypt would cut it', async () => {
    const long = 'correct horse battery '.repeat(5);
    const hash = await argon2(long, { memoryCost: 4096, timeCost: 2, parallelism: 1 });
    const email = await userWith(hash);
    for (let time = 0; time < 2; time++) expect((await signIn(email, long)).status).toBe(200);
    expect(await storedHash(email)).toBe(hash);
  });

  test('rows with NULL wherever a hosted project may have it', async () => {
    const email = await userWith(await bcrypt.hash(PASSWORD, 4));
    await server.sql(`
      update auth.users set instance_id = null, aud = null, role = null, raw_app_meta_data = null, raw_user_meta_data = null,
        created_at = null, updated_at = null, phone_change = null, phone_change_token = null, confirmation_token = null,
        recovery_token = null, email_change = null, email_change_token_new = null, email_change_token_current = null,
        reauthentication_token = null, email_change_confirm_status = null where email = '${email}'`);
    const answer = await signIn(email, PASSWORD);
    expect([answer.status, answer.json]).toMatchObject([
      200,
      { user: { email, app_metadata: {}, user_metadata: {}, identities: [], phone: '' } },
    ]);
    const { access_token: token } = answer.json as { access_token: string };
    const user = await server.auth('/user', { headers: { authorization: `Bearer ${token}` } });
    expect(user.status).toBe(200);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as unknown;
    expect(claims).toMatchObject({ aud: 'authenticated', role: 'authenticated', app_metadata: {}, user_metadata: {} });
  });

  test('an address stored in capitals', async () => {
    const email = await userWith(await bcrypt.hash(PASSWORD, 4));
    await server.sql(`update auth.users set email = upper(email) where email = '${email}'`);
    expect((await signIn(email, PASSWORD)).status).toBe(200);
  });
});

describe('passwords from now on', () => {
  const signUp = (password: string) =>
    server.auth('/signup', { body: { email: `new${people++}@example.com`, password } });
  const reasons = ({ json }: { json: unknown }) =>
    (json as { weak_password?: { reasons: string[] } }).weak_password?.reasons;

  test('short, plain, leaked', async () => {
    expect(reasons(await signUp('Short1'))).toEqual(['length']);
    expect(reasons(await signUp('plain'))).toEqual(['length', 'characters']);
    expect(reasons(await signUp('nocapitals1'))).toEqual(['characters']);
    expect(reasons(await signUp(LEAKED))).toEqual(['pwned']);
    expect((await signUp('Padding1234')).status).toBe(200);
    expect(asked.every((prefix) => /^[0-9A-F]{5}$/.test(prefix))).toBe(true);
  });

  test('nobody to ask: it is taken, and the log says so', async () => {
    expect((await signUp('Unavailable1234')).status).toBe(200);
    await expect
      .poll(() => server.daemon.log().map(({ msg }) => msg))
      .toContain('breached passwords cannot be checked');
  });

  test('a right one that is weak by now lets in, and the app is told', async () => {
    const email = await userWith(await bcrypt.hash('oldie', 4));
    const { data, error } = await server.visitor().auth.signInWithPassword({ email, password: 'oldie' });
    expect(error).toBeNull();
    expect(data.weakPassword).toMatchObject({ reasons: ['length', 'characters'] });
  });
});

describe('a change of password', () => {
  test('ends the other sessions, voids what is open, and is not for the same one again', async () => {
    const email = await userWith(await bcrypt.hash(PASSWORD, 4));
    const [here, there] = [server.visitor(), server.visitor()];
    await here.auth.signInWithPassword({ email, password: PASSWORD });
    await there.auth.signInWithPassword({ email, password: PASSWORD });
    await server.sql(`
      insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
        select gen_random_uuid(), id, 'recovery_token', 'x', email from auth.users where email = '${email}';
      update auth.users set recovery_token = 'open-link' where email = '${email}'`);
    const same = await here.auth.updateUser({ password: PASSWORD });
    expect(same.error).toMatchObject({ code: 'weak_password' });
    await server.sql(
      `update auth.users set encrypted_password = '${await bcrypt.hash('Correct1horse', 12)}' where email = '${email}'`,
    );
    expect((await here.auth.updateUser({ password: 'Correct1horse' })).error).toMatchObject({ code: 'same_password' });
    expect((await here.auth.updateUser({ password: 'Another1horse' })).error).toBeNull();
    expect((await here.auth.getUser()).error).toBeNull();
    expect((await there.auth.getUser()).error).toMatchObject({ name: 'AuthSessionMissingError' });
    const [left] = await server.rows<{ tokens: number; link: string }>(
      `select (select count(*)::int from auth.one_time_tokens t where t.user_id = u.id) as tokens, recovery_token as link
         from auth.users u where email = $1`,
      [email],
    );
    expect(left).toEqual({ tokens: 0, link: '' });
    expect(errorCode(await signIn(email, 'Correct1horse'))).toBe('invalid_credentials');
    expect((await signIn(email, 'Another1horse')).status).toBe(200);
  });
});

test('a ban is told only to whoever knows the password', async () => {
  const email = await userWith(await bcrypt.hash(PASSWORD, 4));
  await server.sql(`update auth.users set banned_until = now() + interval '1 h' where email = '${email}'`);
  expect(errorCode(await signIn(email, 'wrong'))).toBe('invalid_credentials');
  expect(errorCode(await signIn(email, PASSWORD))).toBe('user_banned');
  await server.sql(`update auth.users set banned_until = null, email_confirmed_at = null where email = '${email}'`);
  expect(errorCode(await signIn(email, 'wrong'))).toBe('invalid_credentials');
  expect(errorCode(await signIn(email, PASSWORD))).toBe('email_not_confirmed');
});

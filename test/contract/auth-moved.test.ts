import bcrypt from 'bcrypt';
import jwt from 'jsonwebtoken';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newApiKeys } from '../../src/foundation/crypto/api-keys.ts';
import { signedToken } from '../../src/services/auth/moved-tokens.ts';
import { startAuthOver } from '../support/auth.ts';
import { migrate, startBench, type Bench } from '../support/migration.ts';

const USER = '7d9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e7f';
const SESSION = '1c9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e7f';
const SIGNED = '2c9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e7f';
const KEY = Buffer.alloc(32, 5).toString('base64url');
const PASSWORD = 'as it was there';

let bench: Bench;
let moved: Awaited<ReturnType<typeof startAuthOver>>;
const keys = newApiKeys(Date.now());

beforeAll(async () => {
  bench = await startBench();
  const source = await bench.admin('source');
  // As GoTrue writes them, with the trigger that most projects have.
  await source.rows(
    `insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
       raw_user_meta_data, created_at, updated_at, confirmation_token)
     values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', 'dee@example.com', $2, now(),
       '{"provider":"email","providers":["email","google"]}', '{"name":"Dee"}', now(), now(), null)`,
    [USER, await bcrypt.hash(PASSWORD, 10)],
  );
  await source.script(`
    insert into auth.identities (user_id, provider, provider_id, identity_data, created_at, updated_at) values
      ('${USER}', 'email', '${USER}', '{"sub":"${USER}","email":"dee@example.com"}', now(), now()),
      ('${USER}', 'google', '1234567890', '{"sub":"1234567890","email":"dee@example.com"}', now(), now());
    insert into auth.sessions (id, user_id, created_at, updated_at, aal) values ('${SESSION}', '${USER}', now(), now(), 'aal1');
    insert into auth.sessions (id, user_id, created_at, updated_at, aal, refresh_token_hmac_key, refresh_token_counter)
      values ('${SIGNED}', '${USER}', now(), now(), 'aal1', '${KEY}', 17);
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
      values (gen_random_uuid(), '${SESSION}', now(), now(), 'password');
    insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, session_id)
      values ('00000000-0000-0000-0000-000000000000', 'q3vn5c2wxyzk', '${USER}', false, now(), now(), '${SESSION}');
    create table public.profiles (id uuid primary key references auth.users on delete cascade);
    insert into public.profiles values ('${USER}');
    create function public.make_profile() returns trigger language plpgsql security definer set search_path = '' as
      $$ begin insert into public.profiles values (new.id); return new; end $$;
    create trigger on_auth_user_created after insert on auth.users for each row execute function public.make_profile()`);
  await source.close();
  const target = await bench.freshTarget('moved');
  const { report } = await migrate({ source: bench.sourceAddress, target });
  if (report.outcome !== 'complete') throw new Error(`the move ended ${report.outcome}`);
  moved = await startAuthOver(bench.target, 'moved', keys, { autoconfirm: true });
});
afterAll(async () => {
  await moved?.stop();
  await bench?.stop();
});

const accessToken = (session: string): string =>
  jwt.sign(
    {
      sub: USER,
      aud: 'authenticated',
      role: 'authenticated',
      session_id: session,
      iss: 'https://ref.supabase.co/auth/v1',
    },
    keys.jwtSecret,
    { expiresIn: 600 },
  );
const refresh = async (token: string) =>
  moved.auth('/token?grant_type=refresh_token', { body: { refresh_token: token } });

test('an access token from there is good here, and so is the session that a browser kept', async () => {
  const token = accessToken(SESSION);
  const answer = await moved.auth('/user', { headers: { authorization: `Bearer ${token}` } });
  expect([answer.status, answer.json]).toMatchObject([200, { id: USER, email: 'dee@example.com' }]);
  expect((answer.json as { identities: unknown[] }).identities).toMatchObject([
    { provider: 'email' },
    { provider: 'google', id: '1234567890' },
  ]);
  const client = moved.visitor();
  const { data, error } = await client.auth.setSession({ access_token: token, refresh_token: 'q3vn5c2wxyzk' });
  expect(error).toBeNull();
  expect(data.user?.id).toBe(USER);
});

test('a refresh token from there goes on here', async () => {
  const answer = await refresh('q3vn5c2wxyzk');
  expect([answer.status, answer.json]).toMatchObject([200, { user: { id: USER } }]);
  const claims = jwt.decode((answer.json as { access_token: string }).access_token);
  expect(claims).toMatchObject({ session_id: SESSION, amr: [{ method: 'password' }] });
  expect((await refresh(signedToken(SIGNED, 17, KEY))).status).toBe(200);
});

test('the password from there, and new accounts beside the old ones', async () => {
  const { data, error } = await moved
    .visitor()
    .auth.signInWithPassword({ email: 'Dee@example.com', password: PASSWORD });
  expect(error).toBeNull();
  expect(data.user).toMatchObject({ id: USER, user_metadata: { name: 'Dee' } });
  const fresh = await moved.visitor().auth.signUp({ email: 'new@example.com', password: PASSWORD });
  expect(fresh.error).toBeNull();
});

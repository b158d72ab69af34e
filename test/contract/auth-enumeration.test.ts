import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAuthServer, type AuthServer } from '../support/auth.ts';

let server: AuthServer;
const outbox = mkdtempSync(path.join(tmpdir(), 'vt-outbox-'));
const PASSWORD = 'correct horse battery';

beforeAll(async () => {
  server = await startAuthServer({}, { mailOutbox: outbox });
  const insert = async (name: string, hash: string | null, set = '') => {
    await server.rows(
      `insert into auth.users (id, instance_id, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
         raw_user_meta_data, role, aud)
         values (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', $1, $2, now(), '{"role":"owner"}',
           '{"name":"Known"}', 'manager', 'authenticated')`,
      [`${name}@example.com`, hash],
    );
    if (set !== '') await server.sql(`update auth.users set ${set} where email = '${name}@example.com'`);
  };
  const hash = await bcrypt.hash(PASSWORD, 4);
  await insert('known', hash);
  await insert('no-password', null);
  await insert('banned', hash, `banned_until = now() + interval '1 h'`);
  await insert('unconfirmed', hash, 'email_confirmed_at = null');
  await insert('deleted', hash, 'deleted_at = now()');
});
afterAll(async () => {
  await server?.stop();
  rmSync(outbox, { recursive: true, force: true });
});

test('a wrong password gets one answer, whoever is asked for', async () => {
  const answers = [];
  for (const name of ['nobody', 'known', 'no-password', 'banned', 'unconfirmed', 'deleted']) {
    const body = { email: `${name}@example.com`, password: 'wrong' };
    const { status, headers, text } = await server.auth('/token?grant_type=password', { body });
    const seen = [...headers].filter(([header]) => !['date', 'x-request-id'].includes(header));
    answers.push(JSON.stringify([status, seen, text]));
  }
  expect(new Set(answers).size).toBe(1);
});

test('signing up with an address that has an account looks as if it had none', async () => {
  const signUp = async (email: string) =>
    (await server.auth('/signup', { body: { email, password: PASSWORD, data: { theme: 'dark' } } })).json as Record<
      string,
      unknown
    >;
  const fresh = await signUp('fresh@example.com');
  const taken = await signUp('known@example.com');
  const again = await signUp('known@example.com');
  const shape = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shape(each)]))
      : typeof value;
  // What apps look at to tell their own visitors, and nothing else: there is no identity.
  expect(shape({ ...taken, identities: [] })).toEqual(shape({ ...fresh, identities: [] }));
  expect(taken['identities']).toEqual([]);
  expect(taken['id']).not.toBe(again['id']);
  expect(taken).toMatchObject({ email: 'known@example.com', role: 'authenticated', aud: 'authenticated' });
  expect(JSON.stringify(taken)).not.toMatch(/Known|owner|manager/);
  const kept = await server.rows(
    `select raw_user_meta_data ->> 'name' as name from auth.users where email = 'known@example.com'`,
  );
  expect(kept).toEqual([{ name: 'Known' }]);
});

test('a failed sign-in is in the audit log, under the account it was tried on', async () => {
  const body = { email: 'known@example.com', password: 'wrong' };
  await server.auth('/token?grant_type=password', { body });
  await expect
    .poll(async () =>
      server.rows(`select payload ->> 'actor_username' as who from auth.audit_log_entries
        where payload ->> 'action' = 'login_failed' and payload ->> 'actor_username' = 'known@example.com' limit 1`),
    )
    .toEqual([{ who: 'known@example.com' }]);
});

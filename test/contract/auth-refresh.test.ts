import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signedToken } from '../../src/services/auth/moved-tokens.ts';
import { startAuthServer, type AuthServer } from '../support/auth.ts';

let server: AuthServer;

beforeAll(async () => {
  server = await startAuthServer({ autoconfirm: true, refreshReuseInterval: 2 });
});
afterAll(() => server?.stop());

interface Grant {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly user: { readonly id: string };
}

let people = 0;

async function signUp(): Promise<Grant> {
  const body = { email: `refresh${people++}@example.com`, password: 'correct horse battery' };
  const answer = await server.auth('/signup', { body });
  expect(answer.status).toBe(200);
  return answer.json as Grant;
}

const refresh = (token: string) => server.auth('/token?grant_type=refresh_token', { body: { refresh_token: token } });
const next = async (token: string): Promise<string> => ((await refresh(token)).json as Grant).refresh_token;
const code = (answer: { json: unknown }) => (answer.json as { error_code?: string }).error_code;

/** As if the last refresh of this user had been long ago. */
async function age(userId: string, seconds = 3_600): Promise<void> {
  await server.sql(`
    update auth.refresh_tokens set updated_at = updated_at - interval '${seconds} s' where user_id = '${userId}';
    update auth.sessions set refreshed_at = refreshed_at - interval '${seconds} s' where user_id = '${userId}'`);
}

async function family(userId: string): Promise<{ active: number; all: number; sessions: number }> {
  const [row] = await server.rows<{ active: number; all: number; sessions: number }>(
    `select count(*) filter (where not revoked)::int as active, count(*)::int as all,
       count(distinct session_id)::int as sessions from auth.refresh_tokens where user_id = $1`,
    [userId],
  );
  return row ?? { active: 0, all: 0, sessions: 0 };
}

describe('rotation', () => {
  test('each refresh gives a new token of 256 bits, and the table holds digests alone', async () => {
    const first = await signUp();
    const second = await refresh(first.refresh_token);
    expect(second.status).toBe(200);
    expect(second.headers.get('sb-auth-user-id')).toBe(first.user.id);
    const given = [first.refresh_token, (second.json as Grant).refresh_token];
    expect(given.every((token) => /^[\w-]{43}$/.test(token))).toBe(true);
    const kept = JSON.stringify(
      await server.rows('select * from auth.refresh_tokens where user_id = $1', [first.user.id]),
    );
    for (const token of given) expect(kept).not.toContain(token);
    // Whoever reads the table cannot use what stands there.
    const [row] = await server.rows<{ token: string }>(
      'select token from auth.refresh_tokens where user_id = $1 and not revoked',
      [first.user.id],
    );
    expect(code(await refresh(row?.token ?? ''))).toBe('refresh_token_not_found');
  });

  test('twenty at once with one token: all get the same next one, of one family', async () => {
    const rounds = Number(process.env.VECTABASE_REFRESH_ROUNDS ?? 20);
    const { refresh_token, user } = await signUp();
    let token = refresh_token;
    let failures = 0;
    for (let round = 0; round < rounds; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(token)));
      failures += answers.filter(({ status }) => status !== 200).length;
      const given = new Set(answers.map(({ json }) => (json as Grant).refresh_token));
      expect(given.size).toBe(1);
      [token = ''] = given;
    }
    expect(failures).toBe(0);
    expect(await family(user.id)).toEqual({ active: 1, all: rounds + 1, sessions: 1 });
  }, 600_000);

  test('the answer that never arrived: the parent of the active token is good at any age', async () => {
    const { refresh_token, user } = await signUp();
    const lost = await next(refresh_token);
    await age(user.id);
    expect(await next(refresh_token)).toBe(lost);
    expect((await refresh(lost)).status).toBe(200);
  });

  test('within the interval an older one is good too; after it the family is revoked, and stays so', async () => {
    const { refresh_token: first, user } = await signUp();
    const second = await next(first);
    const third = await next(second);
    expect(await next(first)).toBe(third);
    await age(user.id);
    const reused = await refresh(first);
    expect([reused.status, code(reused)]).toEqual([400, 'refresh_token_already_used']);
    expect((await family(user.id)).active).toBe(0);
    expect(code(await refresh(third))).toBe('refresh_token_already_used');
    const reasons = await server.rows<{ traits: { reason: string } }>(
      `select payload -> 'traits' as traits from auth.audit_log_entries where payload ->> 'action' = 'token_revoked'
         and payload ->> 'actor_id' = $1`,
      [user.id],
    );
    expect(reasons[0]?.traits).toMatchObject({ reason: 'reuse' });
    await expect.poll(() => server.daemon.log().map(({ msg }) => msg)).toContain('refresh token used again');
  });

  test('unknown, malformed, missing', async () => {
    for (const token of ['abcdefghijkl', 'x', 'ä', '0'.repeat(4_000), `sha256:${'a'.repeat(43)}`]) {
      const answer = await refresh(token);
      expect([answer.status, code(answer)]).toEqual([400, 'refresh_token_not_found']);
    }
    const missing = await server.auth('/token?grant_type=refresh_token', { body: {} });
    expect([missing.status, missing.json]).toEqual([
      400,
      { error: 'invalid_request', error_description: 'refresh_token required' },
    ]);
    const wrongType = await server.auth('/token?grant_type=refresh_token', { body: { refresh_token: 7 } });
    expect(code(wrongType)).toBe('bad_json');
  });
});

describe('tokens that moved here', () => {
  const moved = async (rows: (session: string) => string, session = ''): Promise<string> => {
    const { user } = await signUp();
    const id = randomUUID();
    await server.sql(`
      insert into auth.sessions (id, user_id, created_at, updated_at, aal ${session === '' ? '' : ', refresh_token_hmac_key, refresh_token_counter'})
        values ('${id}', '${user.id}', now() - interval '9 d', now() - interval '9 d', 'aal1' ${session});
      ${rows(id).replaceAll('USER', user.id)}`);
    return id;
  };
  const v1 = (session: string, token: string, parent: string, revoked: boolean) =>
    `insert into auth.refresh_tokens (token, user_id, session_id, parent, revoked, created_at, updated_at)
       values ('${token}', 'USER', '${session}', ${parent}, ${revoked}, now() - interval '8 d', now() - interval '8 d');`;

  test('twelve characters: good once, replaced by ours, and no longer in clear', async () => {
    await moved((session) => v1(session, 'kq3vn5c2wxyz', 'null', false));
    const given = await next('kq3vn5c2wxyz');
    expect(given).toMatch(/^[\w-]{43}$/);
    expect(await next('kq3vn5c2wxyz')).toBe(given);
    const clear = await server.rows(`select 1 from auth.refresh_tokens where token = 'kq3vn5c2wxyz'`);
    expect(clear).toEqual([]);
    expect((await refresh(given)).status).toBe(200);
  });

  test('the parent of the active one, both in clear', async () => {
    await moved(
      (session) => v1(session, 'aaaaaaaaaaa1', 'null', true) + v1(session, 'aaaaaaaaaaa2', "'aaaaaaaaaaa1'", false),
    );
    const given = await next('aaaaaaaaaaa1');
    expect(given).toMatch(/^[\w-]{43}$/);
    expect(await next('aaaaaaaaaaa2')).toBe(given);
  });

  test('used up long ago: the family goes', async () => {
    await moved(
      (session) =>
        v1(session, 'bbbbbbbbbbb1', 'null', true) +
        v1(session, 'bbbbbbbbbbb2', "'bbbbbbbbbbb1'", true) +
        v1(session, 'bbbbbbbbbbb3', "'bbbbbbbbbbb2'", false),
    );
    expect(code(await refresh('bbbbbbbbbbb1'))).toBe('refresh_token_already_used');
    expect(code(await refresh('bbbbbbbbbbb3'))).toBe('refresh_token_already_used');
  });

  test('from before there were sessions', async () => {
    const { user } = await signUp();
    await server.sql(
      `insert into auth.refresh_tokens (token, user_id, revoked) values ('ccccccccccc1', '${user.id}', false)`,
    );
    const answer = await refresh('ccccccccccc1');
    expect([answer.status, code(answer)]).toEqual([400, 'session_not_found']);
  });

  test('signed ones: the current counter and the one before; older ones end the session', async () => {
    const key = Buffer.alloc(32, 7).toString('base64url');
    const session = `, '${key}', 41`;
    const id = await moved(() => '', session);
    const given = await next(signedToken(id, 41, key));
    expect(given).toMatch(/^[\w-]{43}$/);
    expect(await next(signedToken(id, 41, key))).toBe(given);
    expect(await next(signedToken(id, 40, key))).toBe(given);
    expect(code(await refresh(signedToken(id, 42, key)))).toBe('refresh_token_not_found');
    expect(code(await refresh(signedToken(id, 41, Buffer.alloc(32, 8).toString('base64'))))).toBe(
      'refresh_token_not_found',
    );
    expect(code(await refresh(signedToken(randomUUID(), 41, key)))).toBe('refresh_token_not_found');
    const further = await next(given);
    expect(code(await refresh(signedToken(id, 12, key)))).toBe('refresh_token_already_used');
    expect(code(await refresh(further))).toBe('refresh_token_already_used');
  });

  test('twenty at once with a signed one', async () => {
    const key = Buffer.alloc(32, 9).toString('base64');
    const id = await moved(() => '', `, '${key}', 3`);
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(signedToken(id, 3, key))));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ json }) => (json as Grant).refresh_token)).size).toBe(1);
  });
});

describe('who may not', () => {
  test('banned, deleted, signed out', async () => {
    const { auth } = server.admin();
    const banned = await signUp();
    await auth.admin.updateUserById(banned.user.id, { ban_duration: '1h' });
    expect(code(await refresh(banned.refresh_token))).toBe('user_banned');
    await auth.admin.updateUserById(banned.user.id, { ban_duration: 'none' });
    expect((await refresh(banned.refresh_token)).status).toBe(200);
    const deleted = await signUp();
    await auth.admin.deleteUser(deleted.user.id);
    expect(code(await refresh(deleted.refresh_token))).toBe('refresh_token_not_found');
    const out = await signUp();
    await server.auth('/logout', { method: 'POST', headers: { authorization: `Bearer ${out.access_token}` } });
    expect(code(await refresh(out.refresh_token))).toBe('refresh_token_not_found');
  });

  test('a login whose own end has come', async () => {
    const { refresh_token, user } = await signUp();
    await server.sql(`update auth.sessions set not_after = now() - interval '1 s' where user_id = '${user.id}'`);
    const answer = await refresh(refresh_token);
    expect([answer.status, code(answer)]).toEqual([400, 'session_expired']);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startAuthOver, startAuthServer, type AuthClients, type AuthServer } from '../support/auth.ts';
import type { RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { eventually } from '../support/daemon.ts';

let server: AuthServer;
/** Daemons with other settings over the same database. */
const others: Array<{ stop(): Promise<void> }> = [];

beforeAll(async () => {
  server = await startAuthServer({ autoconfirm: true });
});
afterEach(async () => {
  for (const other of others.splice(0)) await other.stop();
});
afterAll(() => server?.stop());

const PASSWORD = 'correct horse battery';
interface Grant {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly user: { readonly id: string };
}
let people = 0;

async function withSettings(auth: RuntimeConfig['auth'], more: Partial<RuntimeConfig> = {}): Promise<AuthClients> {
  const other = await startAuthOver(server.cluster, 'rest', server.keys, { autoconfirm: true, ...auth }, more);
  others.push(other);
  return other;
}

async function signUp(at: AuthClients): Promise<Grant & { email: string }> {
  const email = `session${people++}@example.com`;
  const answer = await at.auth('/signup', { body: { email, password: PASSWORD } });
  return { email, ...(answer.json as Grant) };
}
const refresh = (at: AuthClients, token: string) =>
  at.auth('/token?grant_type=refresh_token', { body: { refresh_token: token } });
const message = ({ status, json }: { status: number; json: unknown }) => [status, (json as { msg?: string }).msg];
const older = async (id: string, column: string, seconds: number) =>
  server.sql(`update auth.sessions set ${column} = ${column} - interval '${seconds} s' where user_id = '${id}'`);

describe('how long a login lasts', () => {
  test('a time box, from the sign-in on', async () => {
    const at = await withSettings({ sessionTimebox: 3_600 });
    const { refresh_token: token, user } = await signUp(at);
    const second = (await refresh(at, token)).json as Grant;
    await older(user.id, 'created_at', 3_601);
    const answer = await refresh(at, second.refresh_token);
    expect(message(answer)).toEqual([400, 'Invalid Refresh Token: Session Expired']);
    // What the setting says, not what the token says: without it the same login goes on.
    expect((await refresh(server, second.refresh_token)).status).toBe(200);
  });

  test('inactivity, from the last refresh on', async () => {
    const at = await withSettings({ sessionInactivity: 3_600 });
    const { refresh_token: token, user } = await signUp(at);
    const second = (await refresh(at, token)).json as Grant;
    await older(user.id, 'created_at', 9_999);
    const third = await refresh(at, second.refresh_token);
    expect(third.status).toBe(200);
    await older(user.id, 'refreshed_at', 3_601);
    const answer = await refresh(at, (third.json as Grant).refresh_token);
    expect(message(answer)).toEqual([400, 'Invalid Refresh Token: Session Expired (Inactivity)']);
  });

  test('one login at a time: the newer one wins', async () => {
    const at = await withSettings({ singleSession: true });
    const first = await signUp(at);
    const body = { email: first.email, password: PASSWORD };
    const second = (await at.auth('/token?grant_type=password', { body })).json as Grant;
    expect(message(await refresh(at, first.refresh_token))).toEqual([
      400,
      'Invalid Refresh Token: Session Expired (Revoked by Newer Login)',
    ]);
    expect((await refresh(at, second.refresh_token)).status).toBe(200);
  });

  test('access tokens live as long as the setting says', async () => {
    const at = await withSettings({ jwtExpiry: 30 });
    const answer = await signUp(at);
    const claims = JSON.parse(Buffer.from(answer.access_token.split('.')[1] ?? '', 'base64url').toString()) as {
      iat: number;
      exp: number;
    };
    expect(claims.exp - claims.iat).toBe(30);
  });
});

describe('limits', () => {
  const wrong = (at: AuthClients, email: string, headers: Record<string, string> = {}) =>
    at.auth('/token?grant_type=password', { body: { email, password: 'wrong' }, headers });

  test('by address: what a client writes into X-Forwarded-For changes nothing', async () => {
    const at = await withSettings({ limitToken: 1 });
    const answers = [];
    for (let n = 0; n < 25; n++) answers.push(await refresh(at, `no-such-token-${n}`));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.json).toMatchObject({ error_code: 'over_request_rate_limit' });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    const forged = await Promise.all(
      Array.from({ length: 5 }, (_, n) => wrong(at, 'x@example.com', { 'x-forwarded-for': `203.0.113.${n}` })),
    );
    expect(forged.map(({ status }) => status)).toEqual(Array(5).fill(429));
  });

  test('by account, from wherever it is tried, and the same for one that nobody has', async () => {
    const api = { host: '127.0.0.1', port: 0, publicUrl: undefined, cors: [], trustedProxies: ['127.0.0.1'] };
    const at = await withSettings({ limitAccount: 3 }, { api });
    const { email } = await signUp(server);
    for (const address of [email, 'nobody-at-all@example.com']) {
      const statuses: number[] = [];
      for (let n = 0; n < 4; n++) {
        statuses.push((await wrong(at, address, { 'x-forwarded-for': `203.0.113.${n}` })).status);
      }
      expect(statuses).toEqual([400, 400, 400, 429]);
    }
    const other = await wrong(at, 'somebody-else@example.com', { 'x-forwarded-for': '203.0.113.0' });
    expect(other.status).toBe(400);
  });
});

describe('the client', () => {
  test('takes its session up again from what the browser kept, and from tokens', async () => {
    const storage = new Map<string, string>();
    const first = server.visitor({ storage });
    const email = `kept${people++}@example.com`;
    await first.auth.signUp({ email, password: PASSWORD });
    const again = server.visitor({ storage });
    const { data } = await again.auth.getSession();
    expect(data.session?.user.email).toBe(email);
    const elsewhere = server.visitor();
    const { access_token = '', refresh_token = '' } = data.session ?? {};
    const set = await elsewhere.auth.setSession({ access_token, refresh_token });
    expect(set.error).toBeNull();
    expect((await elsewhere.auth.getUser()).data.user?.email).toBe(email);
    const claims = await elsewhere.auth.getClaims();
    expect(claims.data?.claims.email).toBe(email);
  });

  test('refreshes by itself before its token runs out, and stays signed in through an outage', async () => {
    const at = await withSettings({ jwtExpiry: 60 });
    const client = at.visitor({ autoRefresh: true });
    const events: string[] = [];
    const { data: listening } = client.auth.onAuthStateChange((event) => void events.push(event));
    const email = `auto${people++}@example.com`;
    const { data } = await client.auth.signUp({ email, password: PASSWORD });
    // Within 90 seconds of its end a token counts as run out, so the next tick renews it.
    await client.auth.startAutoRefresh();
    await eventually(() => events.includes('TOKEN_REFRESHED'));
    const renewed = (await client.auth.getSession()).data.session;
    expect(renewed?.refresh_token).not.toBe(data.session?.refresh_token);
    await client.auth.stopAutoRefresh();
    await server.cluster.kill('SIGKILL');
    const during = client.auth.refreshSession();
    await sleep(1_000);
    await server.cluster.restart();
    expect((await during).error).toBeNull();
    expect(events).not.toContain('SIGNED_OUT');
    listening.subscription.unsubscribe();
  });
});

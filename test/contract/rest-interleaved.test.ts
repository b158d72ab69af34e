import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

// Two users and a visitor take turns on two connections. Nothing of one request may be left for the next: neither role
// nor claims nor headers, whether the one before ended well, failed, or was given up halfway.
const REQUESTS = Number(process.env['VECTABASE_INTERLEAVED_REQUESTS'] ?? 2_000);
const AT_ONCE = 16;
/** Looked at together. */
const BATCH = 1_000;

interface Caller {
  readonly name: string;
  readonly token: string | undefined;
  readonly role: string;
  /** Ids of the rows that are its own. */
  readonly own: readonly number[];
}

let server: RestServer;
let callers: readonly Caller[];

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest.sql'), {
    rest: { schemas: ['public'], poolSize: 2 },
  });
  const user = (name: string, own: readonly number[]): Caller => {
    const role = 'authenticated';
    return { name, role, own, token: server.token({ role, sub: name }) };
  };
  callers = [user('u1', [1, 3]), user('u2', [2]), { name: 'visitor', token: undefined, role: 'anon', own: [] }];
});
afterAll(() => server?.stop());

const rows = (ids: readonly number[], owner: string) => ids.map((id) => ({ id, owner }));

/** What is asked in the nth request, and what must come. */
const KINDS: ReadonlyArray<(who: Caller, nth: number) => [target: string, init: Init, status: number, json: unknown]> =
  [
    ({ name, own }) => ['/secrets?select=id,owner&order=id', {}, 200, rows(own, name)],
    ({ name, own }, nth) => [
      '/secrets?select=id,owner,value&order=id',
      { method: 'PATCH', body: `{"value":"${name} ${nth}"}`, headers: { prefer: 'return=representation' } },
      200,
      rows(own, name).map((row) => ({ ...row, value: `${name} ${nth}` })),
    ],
    ({ role, token, name }) => [
      '/rpc/claims',
      {},
      200,
      token === undefined ? expect.objectContaining({ role }) : expect.objectContaining({ role, sub: name }),
    ],
    ({ role }) => ['/rpc/who', {}, 200, role],
    (_, nth) => ['/rpc/header_of?h=x-mine', { headers: { 'x-mine': `${nth}` } }, 200, `${nth}`],
    () => ['/rpc/header_of?h=x-mine', {}, 200, null],
    ({ token }) => [
      '/secrets',
      { method: 'POST', body: '{"id":9,"owner":"someone else"}' },
      token === undefined ? 401 : 403,
      expect.objectContaining({ code: '42501' }),
    ],
    () => ['/rpc/raise_pt', { method: 'POST', body: '{}' }, 402, expect.objectContaining({ code: 'PT402' })],
    () => ['/secrets?id=eq.none', {}, 400, expect.objectContaining({ code: '22P02' })],
    ({ own, name }) => [
      '/secrets?select=id,owner&id=in.(1,2,3)&order=id&limit=1',
      { headers: { prefer: 'count=exact' } },
      own.length > 1 ? 206 : 200,
      rows(own.slice(0, 1), name),
    ],
  ];

interface Init {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

test('two users on two connections never see each other', { timeout: 60_000 + REQUESTS * 40 }, async () => {
  let lost = 0;
  for (let first = 0; first < REQUESTS; first += BATCH) {
    const seen: unknown[] = [];
    const wanted: unknown[] = [];
    let next = first;
    const end = Math.min(first + BATCH, REQUESTS);
    const turn = async (): Promise<void> => {
      while (next < end) {
        const nth = next++;
        const { target, init, status, json } = requestOf(nth);
        if (nth % 23 === 0) await giveUp(target, init, nth % 5);
        else {
          // On a crowded machine an idle connection may end just as it is used again.
          const answer = await server.ask(target, init).catch(() => undefined);
          if (!answer) lost++;
          else {
            seen.push({ nth, status: answer.status, json: answer.json });
            wanted.push({ nth, status, json });
          }
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, turn));
    expect(seen).toEqual(wanted);
  }
  expect(lost).toBeLessThanOrEqual(REQUESTS / 1000);
});

function requestOf(nth: number) {
  const who = callers[nth % callers.length] as Caller;
  // Not in step with the callers: each kind comes from each of them, after each other kind.
  const kind = KINDS[(nth * 7 + Math.floor(nth / 11)) % KINDS.length] as (typeof KINDS)[number];
  const [target, { method = 'GET', body, headers = {} }, status, json] = kind(who, nth);
  const init = {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(who.token === undefined ? {} : { authorization: `Bearer ${who.token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  };
  return { target, init, status, json };
}

/** Asks, and goes away after some milliseconds whether there is an answer or not. */
async function giveUp(target: string, init: Init, after: number): Promise<void> {
  await server.ask(target, { ...init, signal: AbortSignal.timeout(after) }).catch(() => undefined);
}

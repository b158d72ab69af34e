import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { eventually, startDaemon } from '../support/daemon.ts';
import { startRestServer, type Answer, type RestServer } from '../support/rest.ts';

let server: RestServer;

const SETUP = `
create table items (id int primary key, name text);
insert into items select n, 'item ' || n from generate_series(1, 100) n;
create sequence attempts;
create function flaky(until int) returns bigint language plpgsql as $$
declare attempt bigint := nextval('attempts');
begin
  if attempt % until <> 0 then raise exception using errcode = '40001', message = 'could not serialize'; end if;
  return attempt;
end $$;
grant all on all tables in schema public to anon;
grant all on all sequences in schema public to anon;
`;

beforeAll(async () => {
  server = await startRestServer('', { rest: { workers: 1, poolSize: 4 } }, (admin) => admin.script(SETUP));
});
afterAll(() => server.stop());

test('what could not be serialised is tried again, three times at most', async () => {
  const call = async (until: number): Promise<Answer> =>
    server.ask('/rpc/flaky', {
      method: 'POST',
      body: JSON.stringify({ until }),
      headers: { 'content-type': 'application/json' },
    });
  const third = await call(3);
  expect([third.status, third.json]).toEqual([200, 3]);
  const never = await call(1000);
  expect([never.status, (never.json as { code: string }).code]).toEqual([500, '40001']);
  expect((await call(7)).json).toBe(7); // 4, 5 and 6 failed above
});

/** Asks without a pause until told to stop; every answer is looked at. */
async function load(stop: AbortSignal): Promise<{ good: number; away: number; other: string[] }> {
  const seen = { good: 0, away: 0, other: [] as string[] };
  const one = async (): Promise<void> => {
    for (let n = 0; !stop.aborted; n++) {
      const id = (n % 100) + 1;
      const { status, json, headers, text } = await server.ask(`/items?id=eq.${id}`);
      const right = JSON.stringify(json) === JSON.stringify([{ id, name: `item ${id}` }]);
      if (status === 200 && right) seen.good++;
      else if (status === 503 && headers.get('retry-after') !== null) {
        seen.away++;
        await sleep(5);
      } else seen.other.push(`${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  return seen;
}

for (const signal of ['SIGKILL', 'SIGINT', 'SIGQUIT'] as const) {
  test(`a database that ends by ${signal} under load: 503 and nothing else, until it is back`, async () => {
    const over = new AbortController();
    const loading = load(over.signal);
    await sleep(300);
    await server.cluster.kill(signal);
    await sleep(1_500);
    await server.cluster.restart();
    await eventually(async () => (await server.ask('/items?id=eq.1')).status === 200);
    await sleep(300);
    over.abort();
    const { good, away, other } = await loading;
    expect(other).toEqual([]);
    expect(away).toBeGreaterThan(0);
    expect(good).toBeGreaterThan(0);
  });
}

test('without a schema there is nothing to answer with', async () => {
  await server.cluster.kill('SIGKILL');
  const late = await startDaemon({
    database: server.cluster.address('rest', { user: 'authenticator' }),
    more: { apiKeys: [{ key: 'sb_publishable_x', role: 'anon' }], rest: { workers: 1 } },
  });
  const headers = { apikey: 'sb_publishable_x' };
  try {
    const before = await fetch(`${late.url}/rest/v1/items`, { headers });
    expect([before.status, before.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await before.json()).toMatchObject({ code: 'PGRST002' });
    await server.cluster.restart();
    await eventually(async () => {
      const answer = await fetch(`${late.url}/rest/v1/items?id=eq.1`, { headers });
      await answer.arrayBuffer();
      return answer.status === 200;
    });
  } finally {
    late.process.kill('SIGTERM');
    await late.exited;
  }
});

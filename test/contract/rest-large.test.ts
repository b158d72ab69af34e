import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../src/foundation/postgres/session.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

const SETUP = `
create table big (id int primary key, body text not null);
insert into big select n, 'ä ' || repeat(md5(n::text), 30) from generate_series(1, 30000) n;
create table owners (id int primary key);
create table owned (id int primary key, owner int references owners deferrable initially deferred, body text);
create function slow(seconds float) returns text language sql as $$select pg_sleep(seconds)::text$$;
grant all on all tables in schema public to anon;
`;
const MEGABYTE = 1024 * 1024;

beforeAll(async () => {
  // One connection: whoever kept it would be noticed by the next request.
  const rest = { maxRows: 0, poolSize: 1, workers: 1 };
  server = await startRestServer('', { rest }, (admin) => admin.script(SETUP));
});
afterAll(() => server.stop());

async function valueOf(sql: string): Promise<string> {
  const session = await Session.open(server.cluster.address('rest'), { applicationName: 'rest test' });
  try {
    const [row] = await session.rows<{ value: string }>(sql);
    return row?.value ?? '';
  } finally {
    await session.close();
  }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const rss = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.daemon.process.pid}/status`, 'utf8'))?.[1]) / 1024;

test('a large answer is the same text as a small one would be, with its length and range', async () => {
  const { status, headers, text } = await server.ask('/big?order=id');
  expect(status).toBe(200);
  expect(headers.get('content-range')).toBe('0-29999/*');
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(Number(headers.get('content-length'))).toBe(Buffer.byteLength(text));
  expect(Buffer.byteLength(text)).toBeGreaterThan(20 * MEGABYTE);
  const plain = `select coalesce(json_agg(t), '[]')::text as value from (select * from big order by id) t`;
  expect(digest(text)).toBe(digest(await valueOf(plain)));
});

test('counts, single objects, CSV and calls are right when they are large, too', async () => {
  const counted = await server.ask('/big?order=id&limit=5000', { headers: { prefer: 'count=exact' } });
  expect([counted.status, counted.headers.get('content-range')]).toEqual([206, '0-4999/30000']);
  expect(counted.json).toHaveLength(5000);
  await server.sql(`insert into big values (0, repeat('x', 3000000)) on conflict do nothing`);
  const headers = { accept: 'application/vnd.pgrst.object+json' };
  const single = await server.ask('/big?id=eq.0', { headers });
  expect((single.json as { body: string }).body).toHaveLength(3_000_000);
  const csv = await server.ask('/big?order=id&id=gt.0', { headers: { accept: 'text/csv' } });
  expect(csv.text.split('\n')).toHaveLength(30_001);
  const several = await server.ask('/big?order=id', { headers });
  expect([several.status, (several.json as { code: string }).code]).toEqual([406, 'PGRST116']);
  const head = await server.ask('/big?order=id', { method: 'HEAD' });
  expect([head.status, head.text]).toEqual([200, '']);
  await server.sql('delete from big where id = 0');
});

test('what the client has not read yet waits in the database, and who leaves is forgotten', async () => {
  const before = rss();
  const got = await new Promise<number>((resolve, reject) => {
    const sent = request(`${server.daemon.url}/rest/v1/big?order=id`, { headers: { apikey: server.keys.anonKey } });
    sent.on('error', reject).on('response', (response) => {
      response.once('data', (chunk: Buffer) => {
        response.pause();
        setTimeout(() => {
          sent.off('error', reject).on('error', () => undefined);
          response.on('error', () => undefined).destroy();
          resolve(chunk.length);
        }, 500);
      });
    });
    sent.end();
  });
  expect(got).toBeGreaterThan(0);
  expect(rss() - before).toBeLessThan(20);
  expect((await server.ask('/big?id=eq.1')).status).toBe(200);
});

test('an answer whose transaction fails at its end is cut, never complete', async () => {
  const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, owner: 7, body: 'y'.repeat(100) }));
  const write = async () =>
    server.ask('/owned?select=*', {
      method: 'POST',
      body: JSON.stringify(rows),
      headers: { prefer: 'return=representation', 'content-type': 'application/json' },
    });
  await expect(write()).rejects.toThrow(/terminated/);
  expect((await server.ask('/owned?limit=1')).json).toEqual([]);
  await server.sql('insert into owners values (7)');
  expect((await write()).json).toHaveLength(20_000);
});

test('a caller that leaves takes its statement along, and never the next one on the connection', async () => {
  const leave = async (): Promise<void> => {
    const left = new AbortController();
    const call = server.ask('/rpc/slow?seconds=20', { signal: left.signal });
    setTimeout(() => left.abort(), 20 + Math.random() * 60);
    await expect(call).rejects.toThrow(/abort/);
  };
  for (let round = 0; round < 10; round++) {
    const leaving = leave();
    // It waits behind the one who leaves, and gets its connection or a new one.
    const next = await Promise.all([1, 2, 3].map((id) => server.ask(`/big?select=id&id=eq.${id}`)));
    expect(next.map(({ json }) => json)).toEqual([[{ id: 1 }], [{ id: 2 }], [{ id: 3 }]]);
    await leaving;
  }
  const active = `select count(*)::text as value from pg_stat_activity where query like '%slow%' and state = 'active' and pid <> pg_backend_pid()`;
  await expect.poll(() => valueOf(active)).toBe('0');
});

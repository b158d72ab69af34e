import pg from 'pg';
import { startTestCluster } from '../test/support/cluster.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import { SETUP, CASES } from './rest-cases.ts';
const cluster = await startTestCluster();
const admin = await Session.open(cluster.adminAddress, { applicationName: 'x' });
await admin.script(
  'create role authenticated; create role anon; create role authenticator login noinherit; grant authenticated to authenticator;',
);
await admin.script(SETUP);
await admin.close();
const a = cluster.address('postgres', { user: 'authenticator' });
const settings3 = `select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true)`;
const claims = '{"role":"authenticated","sub":"u1"}';
const sql = CASES[0]?.sql ?? '';
async function measure(name: string, one: (i: number) => Promise<void>): Promise<void> {
  for (let r = 0; r < 3; r++) {
    const N = 15000;
    let next = 0;
    const c0 = process.cpuUsage();
    const t = performance.now();
    await Promise.all(
      Array.from({ length: 10 }, async (_, k) => {
        while (next++ < N) await one(k);
      }),
    );
    const c = process.cpuUsage(c0);
    console.log(
      name,
      'cpu us',
      ((c.user + c.system) / N).toFixed(1),
      'user',
      (c.user / N).toFixed(1),
      'per s',
      Math.round((N / (performance.now() - t)) * 1000),
    );
  }
}
const text = { getTypeParser: () => (v: string) => v } as unknown as pg.CustomTypesConfig;
const clients = await Promise.all(
  Array.from({ length: 10 }, async () => {
    const c = new pg.Client({
      host: a.host,
      port: a.port,
      user: 'authenticator',
      database: 'postgres',
      pipeline: true,
    } as pg.ClientConfig);
    await c.connect();
    return c;
  }),
);
await measure('pg 4 queries', async (k) => {
  const c = clients[k];
  if (!c) return;
  await Promise.all([
    c.query('begin'),
    c.query({ name: 'settings', text: settings3, values: ['public', 'authenticated', claims] }),
    c.query({ name: 'm', text: sql, values: ['5'], rowMode: 'array', types: text }),
    c.query('commit'),
  ]);
});
const sessions = await Promise.all(Array.from({ length: 10 }, () => Session.open(a, { applicationName: 'y' })));
await measure('wire 2 statements', async (k) => {
  await sessions[k]?.batch([
    { text: settings3, values: ['public', 'authenticated', claims] },
    { text: sql, values: ['5'] },
  ]);
});
const eight = `select set_config('request.jwt.claims', $1, true), set_config('request.headers', $2, true), set_config('request.cookies', $3, true), set_config('search_path', $4, true), set_config('transaction_read_only', $5, true), set_config('role', $6, true), set_config('request.method', $7, true), set_config('request.path', $8, true)`;
const hdr = JSON.stringify({ host: '127.0.0.1', apikey: 'x'.repeat(180), authorization: 'Bearer ' + 'y'.repeat(200) });
await measure('wire 2 statements, 8 settings', async (k) => {
  await sessions[k]?.batch([
    { text: eight, values: [claims, hdr, '{}', 'public', 'on', 'authenticated', 'GET', '/authors'] },
    { text: sql, values: ['5'] },
  ]);
});
await measure('wire 4 statements', async (k) => {
  await sessions[k]?.batch([
    { text: 'begin', values: [] },
    { text: settings3, values: ['public', 'authenticated', claims] },
    { text: sql, values: ['5'] },
    { text: 'commit', values: [] },
  ]);
});
for (const c of clients) await c.end();
for (const s of sessions) await s.close();
await cluster.stop();

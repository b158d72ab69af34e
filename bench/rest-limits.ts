/** What happens at the edges: a 200 MB answer, a database that is away, a schema of 2,000 tables. */
import { get } from 'node:http';
import { sleep } from '../src/foundation/core/sleep.ts';
import { startRestServer, type RestServer } from '../test/support/rest.ts';
import { SETUP } from './rest-cases.ts';
import { memoryOf } from './rest-processes.ts';

type Report = (result: Record<string, unknown>) => void;

const MEGABYTE = 1024 * 1024;
const AWAY = 20_000;
const TABLES = 2_000;

export async function measureLimits(report: Report): Promise<void> {
  const large = `create table big as select n as id, repeat(md5(n::text), 30) as body from generate_series(1, 213000) n; grant select on big to anon; alter role anon set statement_timeout = 0;`;
  await on({ maxRows: 0, workers: 1 }, SETUP + large, async (server) => {
    report({ large: await largeAnswer(server) });
    report({ outage: await outage(server) });
  });
  await on({ workers: 1 }, SETUP, async (server) => {
    report({ schema: await largeSchema(server) });
  });
}

async function on(rest: object, setup: string, body: (server: RestServer) => Promise<void>): Promise<void> {
  const server = await startRestServer('', { log: { level: 'warn' }, rest }, (admin) => admin.script(setup));
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

async function largeAnswer(server: RestServer) {
  const pid = server.daemon.process.pid ?? 0;
  const before = memoryOf(pid);
  const start = performance.now();
  const bytes = await new Promise<number>((resolve, reject) => {
    const headers = { apikey: server.keys.anonKey };
    get(`${server.daemon.url}/rest/v1/big`, { headers }, (response) => {
      let size = 0;
      response.on('data', (chunk: Buffer) => (size += chunk.length));
      response.on('end', () => resolve(size)).on('error', reject);
    });
  });
  const secondsTaken = Number(((performance.now() - start) / 1000).toFixed(1));
  return { megabytes: Math.round(bytes / MEGABYTE), secondsTaken, before, peak: memoryOf(pid, 'VmHWM') };
}

/** Eight clients that never pause; each answer is held against what it must be. */
async function outage(server: RestServer) {
  const seen: Record<string, number> = {};
  const load = { running: true };
  const client = async (): Promise<void> => {
    for (let n = 1; load.running; n = (n % 1000) + 1) {
      const { status, headers, json } = await server.ask(`/books?select=id,title&id=eq.${n}`);
      const right = status === 200 && JSON.stringify(json) === JSON.stringify([{ id: n, title: `book ${n}` }]);
      const refused = status === 503 && headers.get('retry-after') !== null;
      const kind = right ? 'right' : refused ? 'refused with 503' : `wrong: ${status}`;
      seen[kind] = (seen[kind] ?? 0) + 1;
      if (!right) await sleep(20);
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  await sleep(1_000);
  await server.cluster.kill('SIGINT');
  await sleep(AWAY);
  await server.cluster.restart();
  const back = performance.now();
  while ((await server.ask('/books?id=eq.1')).status !== 200) await sleep(10);
  const recoveredAfter = Math.round(performance.now() - back);
  await sleep(1_000);
  load.running = false;
  await clients;
  return { secondsAway: AWAY / 1000, seen, recoveredAfterMilliseconds: recoveredAfter };
}

async function largeSchema(server: RestServer) {
  const columns = `id int primary key, a text default 'x', b int, c jsonb, d timestamptz default now(), e numeric(10, 2), f uuid, g bool`;
  for (let from = 0; from < TABLES; from += 100) {
    const tables = Array.from({ length: 100 }, (_, at) => {
      const parent = from + at === 0 ? '' : ` references t${from + at - 1}`;
      return `create table t${from + at} (${columns}, parent int${parent});`;
    });
    await server.sql(tables.join('\n'));
  }
  let asked = performance.now();
  await server.sql('notify pgrst');
  while ((await server.ask(`/t${TABLES - 1}?limit=0`, { method: 'OPTIONS' })).status !== 200) await sleep(20);
  const loadSeconds = Number(((performance.now() - asked) / 1000).toFixed(2));
  const times = { quiet: [] as number[], reloading: [] as number[] };
  for (let round = 0; round < 6; round++) {
    const kind = round % 2 === 0 ? 'quiet' : 'reloading';
    if (kind === 'reloading') await server.sql('notify pgrst');
    for (const end = performance.now() + 2_000; performance.now() < end;) {
      asked = performance.now();
      await server.ask('/books?id=eq.1');
      times[kind].push(performance.now() - asked);
    }
  }
  const worst = (list: number[]): number => Number(Math.max(...list).toFixed(1));
  const p99 = (list: number[]): number =>
    Number((list.toSorted((a, b) => a - b)[Math.floor(list.length * 0.99)] ?? 0).toFixed(1));
  return {
    tables: TABLES,
    loadSeconds,
    quiet: { p99: p99(times.quiet), worst: worst(times.quiet) },
    reloading: { p99: p99(times.reloading), worst: worst(times.reloading) },
    megabytes: memoryOf(server.daemon.process.pid ?? 0),
  };
}

/**
 * The REST API against a bare node:http and pg server that runs the same statements: same database, role switch and
 * row policy, in turns. `npm run bench:rest -- [--rounds 3] [--seconds 2] [--connections 20]`
 */
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRestServer } from '../test/support/rest.ts';
import { machine, median, saveResult } from './report.ts';
import { CASES, SETUP, type Case } from './rest-cases.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '20' },
  },
});
const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(Number) as [
  number,
  number,
  number,
];
const server = await startRestServer('', { log: { level: 'warn' } }, (admin) => admin.script(SETUP));
const floor = await startFloor(server.cluster.address('rest'));
const token = server.token({ role: 'authenticated', sub: 'u1', exp: Math.floor(Date.now() / 1000) + 3600 });
const ours = {
  url: `${server.daemon.url}/rest/v1`,
  headers: { apikey: server.keys.anonKey, authorization: `Bearer ${token}` },
};
let counter = 0;
try {
  const results = [];
  for (const [at, each] of CASES.entries()) {
    const pairs: Array<{ ours: number; floor: number }> = [];
    for (let round = 0; round <= rounds; round++) {
      const pair = { ours: 0, floor: 0 };
      const turns = round % 2 === 0 ? (['floor', 'ours'] as const) : (['ours', 'floor'] as const);
      for (const turn of turns) {
        pair[turn] =
          turn === 'ours'
            ? await load(each, (n) => ({ url: ours.url + each.target(n), headers: ours.headers }))
            : await load(each, (n) => ({ url: `${floor.url}/${at}/${n}`, headers: {} }));
      }
      if (round > 0) pairs.push(pair); // the first round only warms up
    }
    const result = {
      case: each.name,
      ours: Math.round(median(pairs.map((pair) => pair.ours))),
      floor: Math.round(median(pairs.map((pair) => pair.floor))),
      ratio: Number(median(pairs.map((pair) => pair.ours / pair.floor)).toFixed(2)),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    results.push(result);
  }
  saveResult('rest', { machine: machine(), rounds, seconds, connections, results });
} finally {
  floor.stop();
  await server.stop();
}

/** Requests per second over keep-alive connections. */
async function load(
  each: Case,
  make: (n: number) => { url: string; headers: Record<string, string> },
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const end = Date.now() + seconds * 1000;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (Date.now() < end) {
      const n = counter++;
      await ask(agent, each, n, make(n));
      done++;
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
  return done / seconds;
}

async function ask(
  agent: Agent,
  each: Case,
  n: number,
  { url, headers }: { url: string; headers: Record<string, string> },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const body = each.body?.(n);
    const sent = request(
      url,
      { agent, method: each.method, headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) } },
      (response) => {
        if ((response.statusCode ?? 500) >= 300) reject(new Error(`${each.name}: ${response.statusCode}`));
        response.resume().once('end', resolve);
      },
    );
    sent.once('error', reject).end(body);
  });
}

async function startFloor(address: { host: string; port: number; database: string }) {
  const { host, port, database } = address;
  const program = fileURLToPath(new URL('rest-floor.js', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify({ host, port, database })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve(String(data))),
  );
  const { port: listening } = JSON.parse(line) as { port: number };
  return { url: `http://127.0.0.1:${listening}`, stop: () => child.stdin.end() };
}

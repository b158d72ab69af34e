/**
 * The REST API against a bare node:http and pg server that runs the same statements, @supabase/lite and pgbench: one
 * database with role switch and row policy, in turns. `npm run bench:rest -- [--rounds 5] [--seconds 2]
 * [--connections 20] [--part throughput,limits] [--without lite]`
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { DatabaseAddress } from '../src/foundation/postgres/address.ts';
import { startRestServer } from '../test/support/rest.ts';
import { machine, median, saveResult } from './report.ts';
import { CASES, SETUP, type Case } from './rest-cases.ts';
import { measureLimits } from './rest-limits.ts';
import { cpuOf, liteDirectory, memoryOf, pgbench, startLoader, startServer } from './rest-processes.ts';
import type { Job } from './rest-load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '20' },
    part: { type: 'string', default: 'throughput,limits' },
    without: { type: 'string', default: '' },
  },
});
const [rounds, seconds, connections] = [Number(values.rounds), Number(values.seconds), Number(values.connections)];

const WARM = 15_000;

/** A server under test. */
interface Contestant extends Pick<Job, 'port' | 'style' | 'prefix' | 'headers'> {
  readonly pid: number;
}

const results: Array<Record<string, unknown>> = [];
function report(result: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  results.push(result);
}

if (values.part.includes('throughput')) await measureThroughput();
if (values.part.includes('limits')) await measureLimits(report);
saveResult('rest', { machine: machine(), rounds, seconds, connections, results });

async function measureThroughput(): Promise<void> {
  const one = await startRestServer('', { log: { level: 'warn' }, rest: { workers: 1 } }, (admin) =>
    admin.script(SETUP),
  );
  const address = one.cluster.address('rest');
  const claims = { role: 'authenticated', sub: 'u1', aud: 'authenticated', exp: Math.floor(Date.now() / 1000) + 7200 };
  const headers = { apikey: one.keys.anonKey, authorization: `Bearer ${one.token(claims)}` };
  const pid = one.daemon.process.pid ?? 0;
  const idle = memoryOf(pid);
  const { host, port, database } = address;
  const floor = await startServer('rest-floor', { host, port, database });
  const lite = values.without.includes('lite')
    ? undefined
    : await startLite(one.cluster.address('rest', { tcp: true }), one.keys.jwtSecret);
  const loader = startLoader();
  const served = { style: 'case', prefix: '/rest/v1', headers } as const;
  const contestants = {
    // The same headers, as reading them costs both the same.
    floor: { port: floor.port, style: 'number', prefix: '', headers, pid: floor.pid } as Contestant,
    ours: { ...served, port: Number(new URL(one.daemon.url).port), pid } as Contestant,
    ...(lite ? { lite: { ...served, port: lite.port, pid: lite.pid } as Contestant } : {}),
  };
  const run = async (at: number, { pid: which, ...job }: Contestant, rate?: number) => {
    const before = cpuOf([which]);
    const load = await loader.run({ at, ...job, connections, seconds, ...(rate === undefined ? {} : { rate }) });
    if (load.failures > 0) throw new Error(`${CASES[at]?.name}: ${load.failures} failures`);
    return { ...load, cpu: (cpuOf([which]) - before) / (load.perSecond * seconds) };
  };
  // Alone first: lite makes its roles with its first request, and cannot with several at once.
  for (const { pid: _, ...job } of Object.values(contestants)) {
    await loader.run({ at: 0, ...job, connections: 1, seconds: 0.5 });
  }
  let half = 0;
  const bothNodes = [contestants.floor, contestants.ours];
  for (const [at, each] of CASES.entries()) {
    // Until the compiler has done its work; the other two have none.
    for (const contestant of bothNodes) for (let n = 0; n < WARM;) n += (await run(at, contestant)).perSecond * seconds;
    const rows: Array<Record<string, { perSecond: number; cpu: number }>> = [];
    for (let round = 0; round < rounds; round++) {
      const names = Object.entries(contestants);
      const row: (typeof rows)[number] = {};
      for (const [name, contestant] of round % 2 === 0 ? names : names.toReversed())
        row[name] = await run(at, contestant);
      const tps = pgbench(each, address, 10, seconds);
      if (tps !== undefined) row['pgbench'] = { perSecond: tps, cpu: 0 };
      rows.push(row);
    }
    const of = (name: string, what: 'perSecond' | 'cpu'): number =>
      median(rows.map((row) => row[name]?.[what] ?? Number.NaN));
    const ratio = (to: string, what: 'perSecond' | 'cpu' = 'perSecond'): number =>
      Number(
        median(rows.map((row) => (row['ours']?.[what] ?? Number.NaN) / (row[to]?.[what] ?? Number.NaN))).toFixed(2),
      );
    const names = Object.keys(rows[0] ?? {});
    if (at === 0) half = of('ours', 'perSecond') / 2;
    report({
      case: each.name,
      perSecond: Object.fromEntries(names.map((name) => [name, Math.round(of(name, 'perSecond'))])),
      cpuMicroseconds: { ours: Math.round(of('ours', 'cpu')), floor: Math.round(of('floor', 'cpu')) },
      toFloor: ratio('floor'),
      cpuToFloor: ratio('floor', 'cpu'),
      ...(lite ? { toLite: ratio('lite') } : {}),
      ...(names.includes('pgbench') ? { toPgbench: ratio('pgbench') } : {}),
    });
  }
  const { p50, p99, perSecond } = await run(0, contestants.ours, half);
  report({ latency: 'one row by key, at half load', perSecond: Math.round(perSecond), p50, p99 });
  for (let left = 100_000; left > 0;) left -= (await run(0, contestants.ours)).perSecond * seconds;
  report({ memory: 'one process', idle, after100kMore: memoryOf(pid), highest: memoryOf(pid, 'VmHWM') });
  for (const each of [lite, floor, loader]) each?.stop();
  await one.stop();
  await measureWorkers(cpus().length, CASES[0]);
}

/** One worker and one for each core, in turns. */
async function measureWorkers(count: number, each: Case | undefined): Promise<void> {
  const start = async (workers: number) =>
    startRestServer('', { log: { level: 'warn' }, rest: { workers } }, (admin) => admin.script(SETUP));
  const servers = { one: await start(1), all: await start(count) };
  const loader = startLoader();
  const rows: Array<Record<string, number>> = [];
  for (let round = 0; round <= rounds; round++) {
    const row: Record<string, number> = {};
    for (const [name, server] of Object.entries(servers)) {
      const token = server.token({ role: 'authenticated', sub: 'u1' });
      const headers = { apikey: server.keys.anonKey, authorization: `Bearer ${token}` };
      const port = Number(new URL(server.daemon.url).port);
      const job = { at: 0, port, style: 'case', prefix: '/rest/v1', headers, connections, seconds } as const;
      row[name] = (await loader.run(job)).perSecond;
    }
    if (round > 0) rows.push(row);
  }
  loader.stop();
  for (const server of Object.values(servers)) await server.stop();
  const of = (name: string): number => Math.round(median(rows.map((row) => row[name] ?? 0)));
  const ratio = median(rows.map(({ one = 1, all = 0 }) => all / one)).toFixed(2);
  report({ workers: count, case: each?.name, one: of('one'), all: of('all'), ratio: Number(ratio) });
}

async function startLite({ user, password, port, database }: DatabaseAddress, secret: string) {
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
  return startServer('rest-lite', { directory: liteDirectory(), url, secret });
}

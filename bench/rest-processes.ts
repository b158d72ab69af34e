/** The processes of bench:rest: the floor, the load, and what they cost. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DatabaseAddress } from '../src/foundation/postgres/address.ts';
import type { Case } from './rest-cases.ts';
import type { Job, Load } from './rest-load.ts';

export interface Program {
  readonly pid: number;
  readonly port: number;
  stop(): void;
}

/** A program of this directory that prints `{"port":…}` and ends with its stdin. */
export async function startServer(name: string, argument: unknown): Promise<Program> {
  const child = spawn(process.execPath, [programFile(name), JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout)) as [string];
  return { pid: child.pid ?? 0, port: (JSON.parse(line) as { port: number }).port, stop: () => child.stdin.end() };
}

export interface Loader {
  run(job: Job): Promise<Load>;
  stop(): void;
}

export function startLoader(): Loader {
  const child = spawn(process.execPath, [programFile('rest-load')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  return {
    run: async (job) => {
      const answer = new Promise<string>((resolve, reject) => {
        lines.once('line', resolve);
        child.once('exit', () => reject(new Error('the load ended early')));
      });
      child.stdin.write(`${JSON.stringify(job)}\n`);
      return JSON.parse(await answer) as Load;
    },
    stop: () => child.stdin.end(),
  };
}

/** Microseconds of CPU that processes have used so far, in user and kernel mode. */
export function cpuOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) * 10_000;
}

/** Megabytes of a process: now, or at most so far. */
export function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(what));
  return Math.round(Number(line?.match(/\d+/)?.[0] ?? 0) / 1024);
}

function programFile(name: string): string {
  return fileURLToPath(new URL(`${name}.js`, import.meta.url));
}

async function once(stream: NodeJS.ReadableStream): Promise<unknown[]> {
  return new Promise((resolve) => stream.once('data', (data: Buffer) => resolve([String(data)])));
}

/** Where @supabase/lite is installed, and what it serves with; fetched once, no dependency of ours. */
export function liteDirectory(): string {
  const cache = process.env['VECTABASE_CACHE'] ?? process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  const directory = path.join(cache, 'vectabase', 'lite');
  if (existsSync(path.join(directory, 'node_modules', '@hono', 'node-server'))) return directory;
  mkdirSync(directory, { recursive: true });
  const packages = ['@supabase/lite@0.10.0', 'postgres@3', '@hono/node-server@1'];
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', directory, ...packages], { stdio: 'inherit' });
  return directory;
}

/** Transactions per second of pgbench with the floor's statements, prepared; undefined where there is no pgbench. */
export function pgbench(each: Case, { host, port, database }: DatabaseAddress, clients: number, seconds: number) {
  const program = ['/usr/bin/pgbench', ...binaries()].find((candidate) => existsSync(candidate));
  if (program === undefined) return undefined;
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-pgbench-'));
  try {
    const file = path.join(directory, 'script.sql');
    const settings = `select set_config('search_path', 'public', true), set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"role":"authenticated","sub":"u1"}', true);`;
    const main = each.sql.replaceAll('$1', `(${each.pgbench})`).replaceAll('\n', ' ');
    writeFileSync(file, `\\set n random(1, 10000)\nbegin;\n${settings}\n${main};\ncommit;\n`);
    const options = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), '-f', file];
    const told = execFileSync(program, [...options, '-h', host, '-p', String(port), '-U', 'authenticator', database], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return Number(/tps = ([\d.]+)/.exec(told)?.[1]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function binaries(): string[] {
  const root = '/usr/lib/postgresql';
  return existsSync(root) ? readdirSync(root).map((version) => path.join(root, version, 'bin', 'pgbench')) : [];
}

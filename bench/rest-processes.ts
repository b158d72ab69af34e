/** The processes of bench:rest: the floor, the load, and what they cost. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Job, Load } from './rest-load.ts';

export interface Program {
  readonly pid: number;
  readonly port: number;
  stop(): void;
}

/** A program of this directory that prints `{"port":…}` and ends with its stdin. */
export async function startServer(name: string, argument: unknown): Promise<Program> {
  const child = spawn(process.execPath, [script(name), JSON.stringify(argument)], {
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
  const child = spawn(process.execPath, [script('rest-load')], { stdio: ['pipe', 'pipe', 'inherit'] });
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

function script(name: string): string {
  return fileURLToPath(new URL(`${name}.js`, import.meta.url));
}

async function once(stream: NodeJS.ReadableStream): Promise<unknown[]> {
  return new Promise((resolve) => stream.once('data', (data: Buffer) => resolve([String(data)])));
}

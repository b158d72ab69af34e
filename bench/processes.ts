import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  readonly seconds: number;
  readonly code: number | null;
  readonly output: string;
  /** Most of any one process, as the kernel kept it (VmHWM). Exact for a contestant of one process. */
  readonly largestProcessBytes: number;
  /** Most of all processes of the contestant together, sampled every 25 ms; shared libraries count once a process. */
  readonly peakTreeBytes: number;
}

/** Waits for a command that was started inside the tree, and watches the memory of it and of all its children. */
export async function watch(child: ChildProcess): Promise<Usage> {
  const started = performance.now();
  let output = '';
  let largestProcessBytes = 0;
  let peakTreeBytes = 0;
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-2_000_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end();
  const sampler = setInterval(() => {
    const processes = descendants(child.pid ?? 0).map(memory);
    largestProcessBytes = Math.max(largestProcessBytes, ...processes.map(({ peak }) => peak));
    peakTreeBytes = Math.max(
      peakTreeBytes,
      processes.reduce((total, { now }) => total + now, 0),
    );
  }, 25);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { seconds: (performance.now() - started) / 1000, code, output, largestProcessBytes, peakTreeBytes };
  } finally {
    clearInterval(sampler);
  }
}

/** Without the process itself: that is nsenter, which only waits. */
function descendants(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' '))
      .filter((child) => child !== '')
      .flatMap((child) => [Number(child), ...descendants(Number(child))]);
  } catch {
    return [];
  }
}

function memory(pid: number): { now: number; peak: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
    return { now: field('RssAnon') + field('RssFile'), peak: field('VmHWM') };
  } catch {
    return { now: 0, peak: 0 }; // it has just ended
  }
}

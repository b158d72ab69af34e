import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { run } from '../../../foundation/process/run.ts';
import type { MachineFacts } from './step.ts';

/** Looks at the machine that we run on. `systemd` is 0 where another init runs. */
export async function readFacts(): Promise<MachineFacts> {
  const [release, systemd, virtualization] = await Promise.all([
    textOf('/etc/os-release'),
    systemdVersion(),
    run(['systemd-detect-virt']),
  ]);
  return {
    os: parseOsRelease(release),
    memoryBytes: await memoryBytes(),
    cores: availableParallelism(),
    systemd,
    virtualization: virtualization.stdout.trim() || 'none',
  };
}

/** Fields of os-release(5). What is missing is empty: then no supported system is recognised. */
export function parseOsRelease(text: string): MachineFacts['os'] {
  const field = (name: string): string =>
    new RegExp(`^${name}=(["']?)(.*)\\1\\s*$`, 'm').exec(text)?.[2]?.replaceAll(/\\(.)/g, '$1') ?? '';
  return { id: field('ID'), version: field('VERSION_ID'), codename: field('VERSION_CODENAME') };
}

async function systemdVersion(): Promise<number> {
  const booted = await run(['test', '-d', '/run/systemd/system']);
  if (booted.exitCode !== 0) return 0;
  return Number(/^systemd (\d+)/.exec((await run(['systemctl', '--version'])).stdout)?.[1] ?? 0);
}

/** A container's limit counts where it is lower: Postgres would be killed long before it reached the machine's RAM. */
async function memoryBytes(): Promise<number> {
  const limits = await Promise.all(
    ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'].map(textOf),
  );
  return Math.min(totalmem(), ...limits.map(Number).filter((limit) => limit > 0));
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

import { existsSync } from 'node:fs';
import { readFile, stat, statfs } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { run } from '../../../foundation/process/run.ts';
import type { DiskFacts, SystemFacts } from '../facts.ts';

export async function lookAtSystem(): Promise<SystemFacts> {
  const [release, memory, entropy, clock, virtual, journal] = await Promise.all([
    textOf('/etc/os-release'),
    textOf('/proc/meminfo'),
    textOf('/proc/sys/kernel/random/entropy_avail'),
    run(['timedatectl', 'show', '--property=NTPSynchronized', '--property=NTP']),
    run(['systemd-detect-virt', '--container']),
    run(['journalctl', '--disk-usage'], { timeout: 5_000 }),
  ]);
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? 0) * 1024;
  const swap = kilobytes('SwapTotal');
  return {
    os: { id: field(release, 'ID'), version: field(release, 'VERSION_ID'), name: field(release, 'PRETTY_NAME') },
    container: virtual.exitCode === 0,
    cores: availableParallelism(),
    load: loadavg()[0] ?? 0,
    memory: { total: kilobytes('MemTotal'), available: kilobytes('MemAvailable') },
    swap: { total: swap, used: swap - kilobytes('SwapFree') },
    entropyBits: Number(entropy),
    clockSynchronised: clock.exitCode === 0 ? clock.stdout.includes('NTPSynchronized=yes') : null,
    rebootRequired: existsSync('/run/reboot-required') || existsSync('/var/run/reboot-required'),
    journalBytes: parseSize(journal.stdout),
  };
}

/** One entry for each file system that the paths are on; those that are not there are left out. */
export async function lookAtDisks(paths: readonly string[]): Promise<DiskFacts[]> {
  const found = await Promise.all(paths.map(async (path) => diskOf(path).catch(() => undefined)));
  const byDevice = new Map(
    found.flatMap((disk) => (disk === undefined ? [] : [[disk.device, disk.facts] as const])).toReversed(),
  );
  return [...byDevice.values()].toReversed();
}

async function diskOf(path: string): Promise<{ device: number; facts: DiskFacts }> {
  const [{ bsize, blocks, bavail, files, ffree }, { dev }] = await Promise.all([statfs(path), stat(path)]);
  const facts = { path, totalBytes: blocks * bsize, freeBytes: bavail * bsize, inodes: files, inodesFree: ffree };
  return { device: dev, facts };
}

/** `Archived and active journals take up 136.0M in the file system.` */
export function parseSize(text: string): number {
  const [, number, unit = ''] = /take up ([\d.]+)([KMGT]?)/.exec(text) ?? [];
  return Math.round(Number(number ?? 0) * 1024 ** ' KMGT'.indexOf(unit || ' '));
}

function field(release: string, name: string): string {
  return new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1] ?? '';
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

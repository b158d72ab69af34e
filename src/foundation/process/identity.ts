import { readFileSync, readlinkSync } from 'node:fs';
import { sleep } from '../core/sleep.ts';

/** True while a process with this id exists, also one that we may not signal. Zombies count as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return statField(pid, 3) !== 'Z';
}

/**
 * Clock ticks after boot at which a process started. Together with its id this names one process for good,
 * as ids are used again. `undefined` where there is no /proc.
 */
export function startTime(pid: number): string | undefined {
  return statField(pid, 22);
}

/** `1234-5678`: names this process for good, in the name of what must not outlive it. */
export function processTag(): string {
  return `${process.pid}-${startTime(process.pid) ?? 0}`;
}

/** Whether the process of a tag may still be there: one that we may not look at is believed. */
export function isTagAlive(tag: string): boolean {
  const [pid, started] = tag.split('-');
  return isAlive(Number(pid)) && (startTime(Number(pid)) ?? started) === started;
}

/** Working directory of a process; `undefined` when unknown or not ours to ask. */
export function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/** Waits until a process that is not our child is gone. Resolves false when `ms` passed first. */
export async function waitUntilGone(pid: number, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (isAlive(pid)) {
    if (Date.now() > end) return false;
    await sleep(25);
  }
  return true;
}

/** Field of /proc/PID/stat, counted from 1 as in proc(5). The second, the name, may hold spaces and brackets. */
function statField(pid: number, field: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field - 3];
  } catch {
    return undefined;
  }
}

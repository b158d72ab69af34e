import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isAlive, workingDirectory } from '../../process/identity.ts';

/** What a running postmaster writes into `postmaster.pid`, as far as we read it. */
export interface PidFile {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `stopping`, `ready` or `standby`: the word that pg_ctl waits for, too. */
  readonly status: string;
}

export async function readPidFile(data: string): Promise<PidFile | undefined> {
  const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] ?? 0), status: lines[7] ?? '' };
}

/**
 * The postmaster that runs on this data directory, whoever started it; `undefined` when none does.
 * A pid alone proves nothing, it may be another program's by now: a postmaster works inside its data directory.
 */
export async function runningPostmaster(data: string): Promise<number | undefined> {
  const file = await readPidFile(data);
  if (!file || !isAlive(file.pid)) return undefined;
  const directory = workingDirectory(file.pid);
  return directory === undefined || directory === data ? file.pid : undefined;
}

import { readFile, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { isWithin } from './mounts.ts';

export interface User {
  readonly pid: number;
  /** Name of its program. */
  readonly name: string;
}

/** Processes that hold something below a directory: an open file, or their own working directory. */
export async function usersOf(directory: string): Promise<User[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<User[]> => {
      const held = [`/proc/${pid}/cwd`, `/proc/${pid}/root`, ...(await filesOf(pid))];
      const targets = await Promise.all(held.map(async (link) => readlink(link).catch(() => '')));
      if (!targets.some((target) => isWithin(target, directory))) return [];
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return [{ pid: Number(pid), name: name.trim() }];
    }),
  );
  return found.flat();
}

async function filesOf(pid: string): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch((): string[] => []);
  return names.map((name) => path.join('/proc', pid, 'fd', name));
}

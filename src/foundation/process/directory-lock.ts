import { randomBytes } from 'node:crypto';
import { chmod, link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { writeDurably } from '../core/durable-file.ts';
import { VectabaseError } from '../core/errors.ts';
import { isAlive, startTime } from './identity.ts';
import { ownName } from './service-user.ts';

/** Who holds a directory, as the lock file tells it. */
export interface LockHolder {
  readonly pid: number;
  /** Boot tick at which that process started: a pid is used again, the pair never is. */
  readonly startTime: string | null;
  readonly since: string;
  readonly user: string;
  readonly host: string;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of a directory, or says who holds it. A holder that is gone loses it by itself.
 *
 * The lock is a row of numbered files of which the highest counts. Whoever finds it free or stale links the next
 * number, and of several only one can: nothing that another starter may have judged is ever removed or reused. A
 * starter so slow that its number is an old one by now sees the higher one, and looks again.
 *
 * @param prefix path of the files without `-N.json`
 * @param now milliseconds since the epoch
 * @param options.mode of the files: 0600, unless users of several ids take turns
 * @throws VectabaseError LOCK_HELD
 */
export async function lockDirectory(
  prefix: string,
  now: number,
  { mode = 0o600 }: { mode?: number } = {},
): Promise<DirectoryLock> {
  const mine: LockHolder = {
    pid: process.pid,
    startTime: startTime(process.pid) ?? null,
    since: new Date(now).toISOString(),
    user: ownName(),
    host: hostname(),
  };
  for (let attempt = 0; attempt < 20; attempt++) {
    const highest = (await generations(prefix)).at(-1) ?? 0;
    const holder = await readHolder(prefix, highest);
    if (holder && isHeld(holder)) throw heldBy(holder, nameOf(prefix, highest));
    const next = highest + 1;
    if (!(await claim(nameOf(prefix, next), mine, mode))) continue;
    const all = await generations(prefix);
    if (all.at(-1) === next) {
      await Promise.all(all.filter((n) => n < next).map((n) => rm(nameOf(prefix, n), { force: true })));
      return { release: () => writeDurably(nameOf(prefix, next), FREE, { mode }) };
    }
    await rm(nameOf(prefix, next), { force: true });
  }
  throw new VectabaseError('LOCK_HELD', {
    message: `several starters fight over ${path.dirname(prefix)}`,
    hint: 'Run the command again.',
  });
}

/** What the file of a released lock holds: kept, so that numbers only ever rise. */
const FREE = '{}\n';

function nameOf(prefix: string, generation: number): string {
  return `${prefix}-${generation}.json`;
}

/** Ascending. */
async function generations(prefix: string): Promise<number[]> {
  const start = `${path.basename(prefix)}-`;
  const names = await readdir(path.dirname(prefix));
  return names
    .filter((name) => name.startsWith(start))
    .map((name) => Number(/^(\d+)\.json$/.exec(name.slice(start.length))?.[1]))
    .filter((number) => Number.isSafeInteger(number))
    .toSorted((a, b) => a - b);
}

/** Whole under its name at once: `link` fails when the name is taken. */
async function claim(file: string, holder: LockHolder, mode: number): Promise<boolean> {
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(fresh, `${JSON.stringify(holder)}\n`, { flag: 'wx', mode: 0o600 });
    await chmod(fresh, mode); // whatever the umask says
    await link(fresh, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(fresh, { force: true });
  }
}

/** On another host (a shared disk, another container) nobody can look whether the holder lives: it is believed. */
function isHeld(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true;
  return isAlive(holder.pid) && (holder.startTime === null || startTime(holder.pid) === holder.startTime);
}

/** Nobody, when the lock is free, or a power cut left the file empty. */
async function readHolder(prefix: string, generation: number): Promise<LockHolder | undefined> {
  try {
    const holder = JSON.parse(await readFile(nameOf(prefix, generation), 'utf8')) as LockHolder;
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || code === 'ENOENT') return undefined;
    throw error;
  }
}

function heldBy({ pid, since, user, host }: LockHolder, file: string): VectabaseError {
  const elsewhere = host !== hostname();
  return new VectabaseError('LOCK_HELD', {
    message: `the directory is held by process ${pid} of ${user} on ${host} since ${since}`,
    hint: elsewhere
      ? `Stop it there. If ${host} is gone for good, delete ${file} and run the command again.`
      : `Use what runs there, stop it with: kill ${pid}, or choose another directory with --dir.`,
    details: { pid, since, user, host, lock: file },
  });
}

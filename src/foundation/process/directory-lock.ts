import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
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
 * The file appears whole under its name (`link` fails when the name is taken). A dead holder's file is renamed away
 * and looked at again: had another starter just taken over, its file is put back.
 *
 * @throws VectabaseError LOCK_HELD
 */
export async function lockDirectory(file: string, now: number): Promise<DirectoryLock> {
  const mine: LockHolder = {
    pid: process.pid,
    startTime: startTime(process.pid) ?? null,
    since: new Date(now).toISOString(),
    user: ownName(),
    host: hostname(),
  };
  const text = `${JSON.stringify({ ...mine, nonce: randomBytes(8).toString('hex') })}\n`;
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await claim(file, text)) return { release: () => release(file, text) };
    const found = await readFile(file, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    const holder = parse(found);
    if (holder && isHeld(holder)) throw heldBy(holder, file);
    await removeStale(file, found);
  }
  throw new VectabaseError('LOCK_HELD', {
    message: `several starters fight over ${file}`,
    hint: 'Run the command again.',
  });
}

async function claim(file: string, text: string): Promise<boolean> {
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(fresh, text, { flag: 'wx', mode: 0o600 });
    await link(fresh, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(fresh, { force: true });
  }
}

async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.stale-${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== stale) await link(aside, file).catch(() => undefined);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function release(file: string, text: string): Promise<void> {
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === text) await rm(file, { force: true });
}

/** On another host (a shared disk, another container) nobody can look whether the holder lives: it is believed. */
function isHeld(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true;
  return isAlive(holder.pid) && (holder.startTime === null || startTime(holder.pid) === holder.startTime);
}

/** A file that a power cut left empty belongs to nobody. */
function parse(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as LockHolder;
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
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

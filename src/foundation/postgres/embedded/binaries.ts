import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, cp, lstat, mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { binaryCaches } from '../../config/directory.ts';
import { messageOf, VectabaseError } from '../../core/errors.ts';
import { run, type RunAs } from '../../process/run.ts';
import { findBinaryPackage, type BinaryPackage } from './package.ts';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** `17.10` */
  readonly version: string;
}

/**
 * Makes the packaged binaries runnable for `runAs` and says where they are.
 *
 * They are copied once per build out of `node_modules`: a clone may lie below a directory that the system user may
 * not enter (`/root`), may belong to somebody else, and lacks the library links when install scripts are blocked.
 * The copy is made beside its place and renamed into it, so that two starters cannot meet half a tree.
 *
 * @throws VectabaseError POSTGRES_BINARIES_MISSING with one reason per place that was tried
 */
export async function prepareBinaries(options: {
  runAs: RunAs | undefined;
  caches?: readonly string[];
}): Promise<PostgresBinaries> {
  const source = findBinaryPackage();
  const reasons: string[] = [];
  for (const cache of options.caches ?? binaryCaches()) {
    try {
      const place = path.join(cache, source.build);
      await ownDirectory(cache);
      if (!(await isWhole(place, source))) await copyInto(place, source);
      return await tryOut(place, options.runAs);
    } catch (error) {
      reasons.push(`${cache}: ${messageOf(error)}`);
    }
  }
  throw new VectabaseError('POSTGRES_BINARIES_MISSING', {
    message: `no place found to run the Postgres binaries from (${reasons.join('; ')})`,
    hint: 'Set XDG_CACHE_HOME to a directory that you may write to and that is not mounted noexec (about 60 MB).',
    details: { reasons },
  });
}

/** A cache in a shared place must be ours, or another user could hand us programs. */
async function ownDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const [own, parent] = await Promise.all([lstat(directory), lstat(path.dirname(directory))]);
  for (const { uid } of [own, parent]) {
    if (uid !== process.getuid?.() && uid !== 0) throw new Error('belongs to another user');
  }
  // In a sticky directory like /tmp others may make files, but not replace ours.
  const parentIsOpen = (parent.mode & 0o022) !== 0 && (parent.mode & 0o1000) === 0;
  if ((own.mode & 0o022) !== 0 || parentIsOpen) throw new Error('others may write to it');
}

/** A power cut can leave empty files behind a finished rename, so sizes are compared, not just names. */
async function isWhole(place: string, source: BinaryPackage): Promise<boolean> {
  for (const folder of ['bin', 'lib']) {
    const from = path.join(source.native, folder);
    for (const name of await readdir(from)) {
      const [want, have] = await Promise.all([stat(path.join(from, name)), statOrNone(path.join(place, folder, name))]);
      if (needed(name) && (have === undefined || (want.isFile() && want.size !== have.size))) return false;
    }
  }
  const links = await Promise.all(source.links.map(({ target }) => statOrNone(path.join(place, target))));
  return links.every((link) => link !== undefined);
}

async function copyInto(place: string, source: BinaryPackage): Promise<void> {
  const suffix = randomBytes(6).toString('hex');
  const fresh = `${place}.new-${suffix}`;
  try {
    await cp(source.native, fresh, {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
      filter: (from) => needed(path.basename(from)),
    });
    for (const link of source.links) await makeLink(path.join(fresh, link.source), path.join(fresh, link.target));
    await openToAll(fresh);
    await moveInto(fresh, place, `${place}.old-${suffix}`, source);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function moveInto(fresh: string, place: string, old: string, source: BinaryPackage): Promise<void> {
  try {
    await rename(fresh, place);
  } catch (error) {
    if (await isWhole(place, source)) return; // another starter was first
    if ((await statOrNone(place)) === undefined) throw error;
    await rename(place, old);
    await rename(fresh, place);
    await rm(old, { recursive: true, force: true });
  }
}

/** Static libraries and build files are a third of the bytes and of no use to a server. */
function needed(name: string): boolean {
  return !name.endsWith('.a') && name !== 'pkgconfig' && name !== 'pgxs';
}

async function makeLink(source: string, target: string): Promise<void> {
  try {
    await symlink(path.basename(source), target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Whatever umask or mode the clone was made with: these are public files that another user must run. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const at = path.join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(at);
    else if (entry.isFile()) await chmod(at, path.basename(directory) === 'bin' ? 0o755 : 0o644);
  }
}

async function tryOut(place: string, runAs: RunAs | undefined): Promise<PostgresBinaries> {
  const postgres = path.join(place, 'bin', 'postgres');
  const { exitCode, stdout, stderr } = await run([postgres, '--version'], { runAs });
  const version = /(\d+\.\d+)/.exec(stdout)?.[1];
  if (exitCode !== 0 || version === undefined) throw new Error(stderr.trim() || `postgres ended with ${exitCode}`);
  return { postgres, initdb: path.join(place, 'bin', 'initdb'), version };
}

async function statOrNone(at: string): Promise<Stats | undefined> {
  return stat(at).catch(() => undefined);
}

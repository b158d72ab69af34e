import { access, chmod, constants, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { clusterHome, clusterPaths, installationPaths, type ClusterPaths } from '../../foundation/config/directory.ts';
import type { InstallationPaths } from '../../foundation/config/directory.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { readJson } from '../../foundation/postgres/installation.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { canEnter, isRoot, nameOf, ownName, serviceUser } from '../../foundation/process/service-user.ts';
import type { Ensured } from './step.ts';

/**
 * Makes the directory of an installation, closed to others and to git, and says where everything in it is.
 *
 * @throws VectabaseError PRECONDITION_FAILED when it is another user's
 */
export async function ensureDirectory(dir: string): Promise<Ensured<InstallationPaths>> {
  const wanted = path.resolve(dir);
  await refuseForeign(wanted);
  try {
    const made = await mkdir(wanted, { recursive: true, mode: 0o700 });
    const paths = installationPaths(await realpath(wanted));
    await access(paths.directory, constants.W_OK | constants.X_OK);
    if (made !== undefined) {
      // Root's servers run as another user, who must get through to the cluster; the files here stay closed.
      if (isRoot()) await chmod(paths.directory, 0o711);
    }
    await keepOutOfGit(path.join(paths.directory, '.gitignore'));
    await mkdir(path.dirname(paths.tls.caKey), { recursive: true, mode: 0o755 });
    return { value: paths, changed: made !== undefined };
  } catch (cause) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `${ownName()} cannot write to ${wanted} (${(cause as NodeJS.ErrnoException).code ?? 'error'})`,
      hint: 'Run the command as the user who owns it, or choose another directory with --dir.',
      details: { directory: wanted },
      cause,
    });
  }
}

/** All but the secrets, whose own .gitignore lets through what is sealed. A file of the owner's stays as it is. */
async function keepOutOfGit(file: string): Promise<void> {
  const present = await readFile(file, 'utf8').catch(() => undefined);
  if (present === undefined || present === '*\n') await writeFile(file, '*\n!/secrets/\n');
}

/** Root may write anywhere, and would leave files that the owner can no longer open. */
async function refuseForeign(directory: string): Promise<void> {
  const keys = await stat(installationPaths(directory).keys).catch(() => undefined);
  if (!isRoot() || keys === undefined || keys.uid === 0) return;
  const name = await nameOf(keys.uid);
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `the installation in ${directory} belongs to ${name}`,
    hint: `Run it as that user: runuser -u ${name} -- vectabase up --dir ${directory}`,
    details: { directory, owner: keys.uid },
  });
}

export interface ClusterPlace {
  readonly paths: ClusterPaths;
  /** Who Postgres runs as; undefined: as we do. */
  readonly runAs: RunAs | undefined;
  /** True when the cluster is not in the directory because that user cannot get there. */
  readonly outside: boolean;
}

interface Pointer {
  readonly version: 1;
  readonly home: string;
}

/**
 * Decides once where the cluster lives: inside the directory, or below /var/lib when we are root and the user that
 * Postgres runs as may not enter the directory. A pointer file keeps the decision.
 */
export async function placeCluster(installation: InstallationPaths): Promise<ClusterPlace> {
  const inside = clusterPaths(clusterHome(installation.directory, 'inside'));
  const owner = await ownerOf(inside.data);
  if (owner) return { paths: inside, runAs: owner.uid === process.getuid?.() ? undefined : owner, outside: false };
  const runAs = await serviceUser();
  const pointer = await readJson<Pointer>(installation.pointer);
  if (pointer) {
    const paths = clusterPaths(pointer.home);
    if ((await ownerOf(paths.data)) === undefined) throw lostCluster(installation, pointer.home);
    return { paths, runAs, outside: true };
  }
  if (await canEnter(installation.directory, runAs)) {
    await openDirectory(inside.home);
    return { paths: inside, runAs, outside: false };
  }
  const outside = clusterPaths(clusterHome(installation.directory, 'outside'));
  await openDirectory(outside.home);
  return { paths: outside, runAs, outside: true };
}

/** Written when the cluster is there, so that a pointer never leads nowhere. */
export async function writePointer(installation: InstallationPaths, place: ClusterPlace): Promise<void> {
  if (!place.outside) return;
  const pointer: Pointer = { version: 1, home: place.paths.home };
  await writeDurably(installation.pointer, `${JSON.stringify(pointer)}\n`);
}

/** As root others may pass through, since what is below belongs to the servers' user and is closed by itself. */
async function openDirectory(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: isRoot() ? 0o755 : 0o700 });
}

/** Postgres refuses files that are not of the user it runs as, so an existing cluster decides who that is. */
async function ownerOf(data: string): Promise<RunAs | undefined> {
  const found = await stat(data).catch(() => undefined);
  return found && { name: `uid ${found.uid}`, uid: found.uid, gid: found.gid };
}

function lostCluster(installation: InstallationPaths, home: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `the database of ${installation.directory} should be in ${home}, and is not there`,
    hint: `Bring ${home} back from a backup. Only to begin again with an empty database, delete ${installation.pointer}.`,
    details: { home, pointer: installation.pointer },
  });
}

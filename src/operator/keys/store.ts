import { stat } from 'node:fs/promises';
import { installationPaths, type InstallationPaths } from '../../foundation/config/directory.ts';
import { readRuntimeFile } from '../../foundation/config/runtime-file.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { formatKeySet } from '../../foundation/crypto/key-set.ts';
import { readJson, type InstallationKeys } from '../../foundation/postgres/installation.ts';
import { withLock } from '../../foundation/process/wait-lock.ts';

/** @throws VectabaseError INSTALLATION_MISSING */
export async function readKeys(dir: string): Promise<InstallationKeys> {
  const paths = installationPaths(dir);
  const keys = await readJson<InstallationKeys>(paths.keys);
  if (keys?.signingKeys) return keys;
  throw new VectabaseError('INSTALLATION_MISSING', {
    message: keys
      ? `the keys in ${paths.directory} are of an older release`
      : `${paths.directory} holds no installation`,
    hint: `Run vectabase up --dir ${paths.directory} once; it makes what is missing.`,
    details: { directory: paths.directory },
  });
}

/** What changed, and whether there is a daemon's file that was written with it. */
export interface Changed<T> {
  readonly value: T;
  readonly daemon: boolean;
}

/**
 * Changes the keys of an installation: first the file of record, then the daemon's copy, which a running one reads
 * within a second or two. Killed between the two, the next start or the next change writes the copy again.
 *
 * @throws VectabaseError INSTALLATION_MISSING, and what `body` throws, with nothing changed
 */
export async function changeKeys<T>(
  dir: string,
  body: (keys: InstallationKeys) => Promise<{ keys: InstallationKeys; value: T }>,
): Promise<Changed<T>> {
  const paths = installationPaths(dir);
  await readKeys(dir); // before a lock is made in a directory that is none of ours
  return withLock(paths.keysLock, async () => {
    const { keys, value } = await body(await readKeys(dir));
    await writeDurably(paths.keys, `${JSON.stringify(keys, null, 2)}\n`);
    return { value, daemon: await handToDaemon(paths, keys) };
  });
}

async function handToDaemon(paths: InstallationPaths, keys: InstallationKeys): Promise<boolean> {
  const started = await stat(paths.daemonConfig).catch(() => undefined);
  const file = started && readRuntimeFile(paths.daemonConfig).keysFile;
  // On an installed machine systemd hands it over, sealed: the next `vectabase install` seals it anew.
  if (file === undefined || file.startsWith('credential:')) return false;
  // As root we must not take the file away from the daemon's user.
  const owner = process.getuid?.() === 0 ? await stat(file).catch(() => undefined) : undefined;
  await writeDurably(file, formatKeySet(keys), { owner });
  return true;
}

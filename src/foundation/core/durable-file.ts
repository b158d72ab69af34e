import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { holdDirectory } from './held-directory.ts';

/**
 * Writes a file so that whoever reads it, after a kill or a power cut at any instant, meets the old content or the
 * new one whole: beside it, fsync, rename, fsync of the directory.
 *
 * @param options.mode permission bits; 0600 unless told, whatever the umask says
 * @param options.owner who it is given to; needs root
 */
export async function writeDurably(
  file: string,
  content: string | Uint8Array,
  options: { mode?: number; owner?: { uid: number; gid: number } | undefined } = {},
): Promise<void> {
  const held = await holdDirectory(path.dirname(file));
  const target = path.join(held.path, path.basename(file));
  const fresh = `${target}.new-${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      if (options.owner) await handle.chown(options.owner.uid, options.owner.gid);
      await handle.chmod(options.mode ?? 0o600);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, target);
    await syncDirectory(held.path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  } finally {
    await held.close();
  }
}

/**
 * For root in a directory of another user's: who that is, so that the daemon can use what a command left there. Undefined
 * for everybody else, and in root's own.
 */
export async function ownerToBe(directory: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(directory);
  return uid === 0 ? undefined : { uid, gid };
}

/** Makes a directory, mode 0700, and what leads to it, as of `holdDirectory`. */
export async function makeDirectory(directory: string): Promise<void> {
  const held = await holdDirectory(directory, { make: true });
  await held.close();
}

/** A rename is on disk only when its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

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
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
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
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
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

import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, link, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { finished, type Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { ownerToBe, syncDirectory } from '../core/durable-file.ts';
import { holdDirectory } from '../core/held-directory.ts';
import { assertKey, objectExists, objectMissing, storeFull, storeUnreachable } from './failures.ts';
import type { ObjectStore, StoredObject } from './store.ts';

/**
 * Objects as files of a directory, each under its key. What is being written stands beside it under a name with a dot,
 * which is no key, and gets its own by link(2): that neither shows half an object nor replaces one.
 *
 * @param directory made at the first put; nobody else may read below it
 */
export function directoryStore(directory: string): ObjectStore {
  const root = path.resolve(directory);
  const url = pathToFileURL(root).href;
  const fileOf = (key: string): string => {
    assertKey(key);
    return path.join(root, ...key.split('/'));
  };
  return {
    url,
    fileOf,
    put: async (key, source, { signal }) => {
      const file = fileOf(key);
      try {
        const held = await holdDirectory(path.dirname(file), { make: true });
        try {
          await putFile(path.join(held.path, path.basename(file)), source, signal);
        } finally {
          await held.close();
        }
      } catch (error) {
        throw failure(error, url, key);
      }
    },
    get: async (key) => opened(createReadStream(fileOf(key))).catch((error: unknown) => thrown(error, url, key)),
    stat: async (key) => {
      const found = await stat(fileOf(key)).catch((error: unknown) => absent(error, url, key));
      return found?.isFile() ? { key, bytes: found.size, modifiedAt: found.mtimeMs } : undefined;
    },
    list: (prefix) => walk(root, url, path.posix.dirname(`${prefix}x`), prefix),
    remove: async (key) => {
      const file = fileOf(key);
      await removeFile(file).catch((error: unknown) => absent(error, url, key));
    },
    close: async () => undefined,
  };
}

async function removeFile(file: string): Promise<void> {
  const held = await holdDirectory(path.dirname(file));
  try {
    await rm(path.join(held.path, path.basename(file)));
    await syncDirectory(held.path);
  } finally {
    await held.close();
  }
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

async function putFile(file: string, source: string | Uint8Array, signal: AbortSignal): Promise<void> {
  const fresh = path.join(path.dirname(file), `.new-${randomBytes(6).toString('hex')}`);
  try {
    const handle =
      typeof source === 'string'
        ? await sameOrCopy(source, fresh)
        : await open(fresh, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      if (typeof source !== 'string') await handle.writeFile(source);
      signal.throwIfAborted();
      await handle.chmod(0o600);
      const owner = await ownerToBe(path.dirname(file));
      if (owner) await handle.chown(owner.uid, owner.gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(fresh, file);
  } finally {
    await rm(fresh, { force: true });
  }
  await syncDirectory(path.dirname(file));
}

/**
 * A second name for the same bytes where that is possible: a base backup need not be written twice. What is opened is
 * the file that was looked at: where another user may put a link in its place, root would give away what that names.
 */
async function sameOrCopy(source: string, fresh: string): Promise<FileHandle> {
  const from = await open(source, O_RDONLY | O_NOFOLLOW);
  try {
    const facts = await from.stat();
    // A second name that somebody else made is one of a file of his choice.
    if (facts.isFile() && facts.nlink === 1 && (await linked(source, fresh))) {
      const handle = await open(fresh, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const same = await handle.stat();
      if (same.ino === facts.ino && same.dev === facts.dev) return handle;
      await handle.close();
      throw new Error(`${source} was replaced by something else`);
    }
    if (!facts.isFile()) throw new Error(`${source} is not a file`);
    const handle = await open(fresh, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      const buffer = Buffer.allocUnsafe(1024 * 1024);
      for (let read = await from.read(buffer); read.bytesRead > 0; read = await from.read(buffer)) {
        await handle.writeFile(buffer.subarray(0, read.bytesRead));
      }
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } finally {
    await from.close();
  }
}

/** False on another disk, or for a file of another user (fs.protected_hardlinks). */
async function linked(source: string, fresh: string): Promise<boolean> {
  try {
    await link(source, fresh);
    return true;
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(codeOf(error))) throw error;
    return false;
  }
}

/** Depth first, each directory sorted as its keys are: `a-b` stands before `a/b`, as `-` is less than `/`. */
async function* walk(root: string, url: string, below: string, prefix: string): AsyncGenerator<StoredObject> {
  const directory = path.join(root, below);
  const found = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => absent(error, url, below));
  const names = (found ?? [])
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isFile()))
    .map((entry) => ({ key: path.posix.join(below, entry.name), inner: entry.isDirectory() }))
    .toSorted((one, two) => (sortKey(one) < sortKey(two) ? -1 : 1));
  for (const { key, inner } of names) {
    if (inner && (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`))) yield* walk(root, url, key, prefix);
    if (inner || !key.startsWith(prefix)) continue;
    const facts = await stat(path.join(root, key)).catch((error: unknown) => absent(error, url, key));
    if (facts) yield { key, bytes: facts.size, modifiedAt: facts.mtimeMs };
  }
}

function sortKey({ key, inner }: { key: string; inner: boolean }): string {
  return inner ? `${key}/` : key;
}

/** A stream that is open, or the reason why not. */
async function opened<S extends Readable>(stream: S): Promise<S> {
  return new Promise((resolve, reject) => {
    const forget = finished(stream, (error) => reject(error ?? new Error('nothing to read')));
    stream.once('open', () => {
      forget();
      resolve(stream);
    });
  });
}

function absent(error: unknown, url: string, key: string): undefined {
  if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
  throw failure(error, url, key);
}

function thrown(error: unknown, url: string, key: string): never {
  throw ['ENOENT', 'ENOTDIR'].includes(codeOf(error)) ? objectMissing(url, key, error) : failure(error, url, key);
}

function failure(error: unknown, url: string, key: string): unknown {
  const code = codeOf(error);
  if (code === 'EEXIST') return objectExists(url, key, error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return storeFull(url, error);
  return code === '' || !('syscall' in (error as object)) ? error : storeUnreachable(url, code, error);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

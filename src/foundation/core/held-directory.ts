import { existsSync } from 'node:fs';
import { constants, lstat, mkdir, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from './errors.ts';

/** A directory that is held open, so that nobody can put another one in its place while we work in it. */
export interface HeldDirectory {
  /** What is done below this path is done in it, whatever its name leads to by then. For this process alone. */
  readonly path: string;
  /** Undefined where nothing has to be held. */
  readonly handle: FileHandle | undefined;
  close(): Promise<void>;
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * Root in a directory of another user's must not work by path: a link that this user puts in the way leads root anywhere.
 * So it goes down from the top, a directory at a time, and follows no link in those that others may write to. Node has no
 * openat(2); /proc/self/fd/N/NAME is the same. Whoever is not root works by path: links lead no further than his rights.
 *
 * @param options.make what is not there yet: mode 0700, of the user whose directory it is in, and on disk at once
 * @throws VectabaseError PRECONDITION_FAILED for such a link; whatever open(2) says
 */
export async function holdDirectory(directory: string, { make = false } = {}): Promise<HeldDirectory> {
  if (!isRootWithProc()) {
    if (make) await makeByPath(directory);
    return { path: directory, handle: undefined, close: async () => undefined };
  }
  let handle = await open('/', O_RDONLY | O_DIRECTORY);
  try {
    for (const name of path.resolve(directory).split('/').filter(Boolean)) {
      const next = await descend(handle, name, { make, directory });
      await handle.close();
      handle = next;
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  const held = handle;
  return { path: pathOf(held), handle: held, close: async () => held.close() };
}

async function descend(
  parent: FileHandle,
  name: string,
  { make, directory }: { readonly make: boolean; readonly directory: string },
): Promise<FileHandle> {
  const at = path.join(pathOf(parent), name);
  const { uid, gid, mode } = await parent.stat();
  const flags = O_RDONLY | O_DIRECTORY | (uid !== 0 || (mode & 0o022) !== 0 ? O_NOFOLLOW : 0);
  const opened = await open(at, flags).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && make) return undefined;
    throw (await isLink(at)) ? isALink(directory, name) : named(error, at, directory);
  });
  if (opened) return opened;
  await mkdir(at, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw named(error, at, directory); // two of us make it
  });
  const made = await open(at, flags | O_NOFOLLOW);
  if (uid !== 0) await made.chown(uid, gid);
  await parent.sync();
  return made;
}

async function makeByPath(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    const above = await open(path.dirname(made), O_RDONLY);
    try {
      await above.sync();
    } finally {
      await above.close();
    }
  }
}

function isRootWithProc(): boolean {
  return process.getuid?.() === 0 && existsSync('/proc/self/fd');
}

function pathOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

async function isLink(at: string): Promise<boolean> {
  return (await lstat(at).catch(() => undefined))?.isSymbolicLink() === true;
}

/** With the name that a person knows: the number of a descriptor says nothing to anybody. */
function named(error: NodeJS.ErrnoException, at: string, directory: string): NodeJS.ErrnoException {
  error.message = error.message.replaceAll(at, directory);
  error.path = directory;
  return error;
}

function isALink(directory: string, name: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `${name} on the way to ${directory} is a link in a directory that others than root may write to`,
    hint: 'Name the place that it leads to instead.',
    details: { directory },
  });
}

import { mkdtemp, readdir, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { holdDirectory } from '../../foundation/core/held-directory.ts';
import { ResourceScope } from '../../foundation/core/release.ts';
import { isTagAlive, processTag } from '../../foundation/process/identity.ts';

/** A directory for sealed files that are not in a store yet. */
export interface Staging {
  /** For this process alone. */
  file(name: string): string;
  remove(): Promise<void>;
}

/** Removes what a process that was killed left there, too. */
export async function openStaging(parent: string): Promise<Staging> {
  const scope = new ResourceScope();
  try {
    const above = scope.add(await holdDirectory(parent, { make: true }), (held) => held.close());
    for (const name of await readdir(above.path)) {
      const tag = /^(\d+-\d+)-/.exec(name)?.[1];
      if (tag !== undefined && !isTagAlive(tag)) await clear(path.join(above.path, name));
    }
    const directory = scope.add(await mkdtemp(path.join(above.path, `${processTag()}-`)), clear);
    const own = scope.add(await holdDirectory(directory), (held) => held.close());
    const owner = await stat(above.path);
    await own.handle?.chown(owner.uid, owner.gid); // who may have to clear it away
    return { file: (name) => path.join(own.path, name), remove: () => scope.release() };
  } catch (error) {
    await scope.release();
    throw error;
  }
}

/** It holds files alone. */
async function clear(directory: string): Promise<void> {
  const held = await holdDirectory(directory);
  try {
    for (const name of await readdir(held.path)) await rm(path.join(held.path, name));
  } finally {
    await held.close();
  }
  await rmdir(directory);
}

import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeDirectory, ownerToBe } from '../../foundation/core/durable-file.ts';
import { isAlive } from '../../foundation/process/identity.ts';

/** A directory for sealed files that are not in a store yet. */
export interface Staging {
  file(name: string): string;
  remove(): Promise<void>;
}

/** Removes what a process that was killed left there, too. */
export async function openStaging(parent: string): Promise<Staging> {
  await makeDirectory(parent);
  for (const name of await readdir(parent)) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1] ?? process.pid);
    if (!isAlive(pid)) await rm(path.join(parent, name), { recursive: true, force: true });
  }
  const directory = await mkdtemp(path.join(parent, `${process.pid}-`));
  const owner = await ownerToBe(parent);
  if (owner) await chown(directory, owner.uid, owner.gid); // who may have to clear it away
  return {
    file: (name) => path.join(directory, name),
    remove: async () => rm(directory, { recursive: true, force: true }),
  };
}

import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from '../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { stopOrphan } from '../../../foundation/postgres/embedded/server.ts';
import { isTagAlive, processTag } from '../../../foundation/process/identity.ts';
import { removeTree } from '../../../foundation/process/remove-tree.ts';
import type { RunAs } from '../../../foundation/process/run.ts';
import { canEnter } from '../../../foundation/process/service-user.ts';
import { isUnfinished } from './swap.ts';

/**
 * A new directory below `parent`, ours, that only the user that Postgres runs as can pass through: root works by path in
 * it, and a link that somebody else could put there would lead root anywhere. Its name tells whose it is, so that what a
 * kill leaves, the whole cluster in clear, is taken away by the next one.
 */
export async function scratchHome(parent: string, runAs: RunAs | undefined): Promise<string> {
  await mkdir(parent, { recursive: true });
  if (runAs && !(await canEnter(parent, runAs))) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `Postgres runs as ${runAs.name} here, and ${parent} is closed to that user`,
      hint: 'Name a directory that others may pass through: --scratch DIR.',
      details: { directory: parent },
    });
  }
  await sweepScratch(parent);
  return passage(path.join(parent, `scratch-${processTag()}-`), runAs);
}

/** A new directory of ours, which `runAs` may pass through and not write to. */
export async function passage(prefix: string, runAs: RunAs | undefined): Promise<string> {
  const directory = await realpath(await mkdtemp(prefix));
  if (!runAs) return directory;
  await chown(directory, ownUid(), runAs.gid);
  await chmod(directory, 0o710);
  return directory;
}

/** The file in a home that names the journal of the replacement that it waits for. */
const CLAIM = 'claimed-by';

/** Says, before the journal does, that a replacement needs what is in a home: no sweep takes it away until that is done. */
export async function claimScratch(home: string, journal: string): Promise<void> {
  await writeDurably(path.join(home, CLAIM), journal);
}

/**
 * Takes away the copies that processes of ours left when they were killed, and stops what still runs on them.
 *
 * @returns what was taken away
 */
export async function sweepScratch(parent: string): Promise<string[]> {
  const swept: string[] = [];
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const tag = /^scratch-(\d+-\d+)-/.exec(name)?.[1];
    if (tag === undefined || isTagAlive(tag)) continue;
    const home = path.join(await realpath(parent), name);
    const facts = await lstat(home).catch(() => undefined);
    if (!facts?.isDirectory() || facts.uid !== ownUid() || (await isClaimed(home))) continue;
    await stopOrphan(path.join(home, 'data'));
    await removeTree(home);
    swept.push(home);
  }
  return swept;
}

async function isClaimed(home: string): Promise<boolean> {
  const journal = await readFile(path.join(home, CLAIM), 'utf8').catch(() => undefined);
  // What cannot be read may be the one copy that a restore needs to go on.
  return journal !== undefined && (await isUnfinished(journal, home).catch(() => true));
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}

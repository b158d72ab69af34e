import {
  access,
  chmod,
  chown,
  constants,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  stat,
} from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from '../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { stopOrphan } from '../../../foundation/postgres/embedded/server.ts';
import { isTagAlive, processTag } from '../../../foundation/process/identity.ts';
import { removeTree } from '../../../foundation/process/remove-tree.ts';
import type { RunAs } from '../../../foundation/process/run.ts';
import { canEnter, nameOf } from '../../../foundation/process/service-user.ts';
import { isUnfinished } from './swap.ts';

/**
 * A new directory below `parent`, ours, that only the user that Postgres runs as can pass through: root works by path in
 * it, and a link that somebody else could put there would lead root anywhere. Its name tells whose it is, so that what a
 * kill leaves, the whole cluster in clear, is taken away by the next one.
 */
export async function scratchHome(wanted: string, runAs: RunAs | undefined): Promise<string> {
  await mkdir(wanted, { recursive: true });
  const parent = await safePlace(wanted);
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

/**
 * Where nobody but root and us can put something else in the place of what we make: the directory itself, or the nearest
 * one above it on the same disk.
 *
 * @throws VectabaseError PRECONDITION_FAILED when there is none
 */
export async function safePlace(wanted: string): Promise<string> {
  const start = await realpath(wanted);
  const { dev } = await stat(start);
  /** How far down from the top it is safe. */
  let safe: string | undefined;
  let stranger: number | undefined;
  for (const directory of downTo(start)) {
    const facts = await stat(directory);
    if (!isSafe(facts)) {
      stranger = facts.uid;
      break;
    }
    safe = facts.dev === dev ? directory : undefined;
  }
  if (safe !== undefined && (safe === start || (await access(safe, constants.W_OK).then(YES, NO)))) return safe;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${await nameOf(stranger ?? 0)} could put something else in the place of a copy in ${wanted}, which holds all data in clear`,
    hint: 'Name a directory where only root and you may write: --scratch DIR.',
    details: { directory: wanted },
  });
}

const [YES, NO] = [() => true, () => false];

/** `/`, `/var`, `/var/lib` */
function downTo(directory: string): string[] {
  const above = path.dirname(directory);
  return above === directory ? [directory] : [...downTo(above), directory];
}

/** A group of one's own, as most users have it, is nobody else; root works in directories of anybody's groups. */
function isSafe({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  const sticky = (mode & 0o1000) !== 0;
  const others = ownUid() === 0 ? 0o022 : 0o002;
  return (uid === 0 || uid === ownUid()) && (sticky || (mode & others) === 0);
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

import { readFile, rename, rm, rmdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory, writeDurably } from '../../../../foundation/core/durable-file.ts';
import type { Machine, UndoRecord } from '../step.ts';
import { octal, stateOf, type FileState } from './file-state.ts';
import type { Owner } from './owner.ts';

/**
 * What brings the file back; its content is copied first.
 *
 * @param options.copied false for an earlier text of ours that holds secrets: nothing ever brings that one back
 */
export async function beforeFields(
  machine: Machine,
  file: string,
  before: FileState,
  { copied } = { copied: true },
): Promise<Record<string, string | number>> {
  if (before.is === 'file') {
    const { uid, gid, mode } = before;
    return {
      before: 'file',
      beforeSha256: copied ? await machine.journal.keep(file) : before.sha256,
      beforeMode: octal(mode),
      uid,
      gid,
    };
  }
  return before.is === 'link' ? { before: 'link', beforeLink: before.to } : { before: 'absent' };
}

/** @param records about one file, newest first: the oldest says what was there before us */
export async function restoreFile(machine: Machine, records: readonly UndoRecord[]): Promise<void> {
  const first = records.at(-1);
  if (first === undefined) return;
  const { target } = first;
  const now = await stateOf(target);
  const ours = records.map((each) => each['sha256']);
  if (now.is === 'file' && !ours.includes(now.sha256) && now.sha256 !== first['beforeSha256']) {
    const savedTo = `${target}.vectabase-saved`; // the journal goes at the end of an uninstall; what a person wrote stays
    await writeDurably(savedTo, now.content, { mode: now.mode, owner: now });
    machine.context.observe({ event: 'install.foreign.noted', id: target, target, savedTo });
  }
  await bringBack(machine, target, first);
}

async function bringBack(machine: Machine, target: string, record: UndoRecord): Promise<void> {
  if (record['before'] === 'file') {
    const owner: Owner = { uid: Number(record['uid']), gid: Number(record['gid']) };
    const mode = Number.parseInt(String(record['beforeMode']), 8);
    const content = await readFile(machine.journal.keptAt(String(record['beforeSha256'])));
    return writeDurably(target, content, { mode, owner });
  }
  if (record['before'] === 'link') {
    const fresh = `${target}.vectabase-link`;
    await rm(fresh, { force: true });
    await symlink(String(record['beforeLink']), fresh);
    await rename(fresh, target);
    return syncDirectory(path.dirname(target));
  }
  await rm(target, { force: true });
}

/** @param records newest first, so the deepest directory goes first */
export async function removeParents(records: readonly UndoRecord[]): Promise<void> {
  for (const { target } of records.filter(({ kind }) => kind === 'parent')) {
    await rmdir(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
    });
  }
}

import { lchown, readdir } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { holdDirectory } from '../../foundation/core/held-directory.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { removeTree } from '../../foundation/process/remove-tree.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { DataDirectory } from './data-directory.ts';
import type { BackupObservation } from './observations.ts';
import type { BackupEntry } from './repository.ts';
import { unpack, type UnpackInput } from './unpack.ts';

export interface RestoreInput extends UnpackInput {
  /** What an incremental backup builds on, the full one first. */
  readonly ancestors?: readonly BackupEntry[];
  /** A data directory that is not there yet, or empty. */
  readonly into: string;
  /** Whose files they shall be: Postgres refuses those of another user. */
  readonly owner: RunAs | undefined;
  /** False for what is thrown away again: fsync of a thousand files takes seconds. */
  readonly durable?: boolean;
}

export interface RestoreReport {
  readonly label: string;
  readonly into: string;
  readonly files: number;
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Unpacks a backup into a data directory: the full one, and over it what changed from each to the next. When it started
 * it will replay its WAL up to where it is consistent. What cannot be proved whole is taken away again: half a cluster
 * must not look like one.
 *
 * @throws VectabaseError PRECONDITION_FAILED for a directory with files in it; as `verifyBackup`
 */
export async function restoreBackup(input: RestoreInput, ctx: JobContext<BackupObservation>): Promise<RestoreReport> {
  const { into, owner, entry, ancestors = [], durable = true } = input;
  const began = ctx.clock.now();
  await assertEmpty(into);
  const held = await holdDirectory(into, { make: true });
  try {
    // The top last: before, nobody else gets in to put a link in our way. It may have been another user's already.
    await held.handle?.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    await held.handle?.chmod(0o700);
    const directory = new DataDirectory(held.path);
    let before: BackupEntry | undefined;
    for (const link of [...ancestors, entry]) {
      directory.beginLink(before);
      await unpack({ ...input, entry: link }, (file) => directory.place(file), ctx);
      await directory.endLink();
      before = link;
    }
    if (durable) await directory.sync();
    const { names, files, bytes } = directory.content();
    const given = names.map((name) => path.join(held.path, name)).toReversed();
    if (owner) for (const each of given) await lchown(each, owner.uid, owner.gid);
    if (owner) await held.handle?.chown(owner.uid, owner.gid);
    if (durable) await syncDirectory(held.path);
    return { label: entry.label, into, files, bytes, ms: ctx.clock.now() - began };
  } catch (error) {
    await removeTree(into);
    throw ctx.signal.aborted ? ctx.signal.reason : error;
  } finally {
    await held.close();
  }
}

export async function assertEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length === 0) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${directory} has files in it, and a restore never writes over anything`,
    hint: 'Name a directory that does not exist yet: --into DIR.',
    details: { directory },
  });
}

import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from '../../../../foundation/core/durable-file.ts';
import { run } from '../../../../foundation/process/run.ts';
import { inParallel } from './in-parallel.ts';
import type { ReleaseFile } from './release-files.ts';

/**
 * Copies files into a directory that appears whole or not at all. What a killed run left beside it goes first. Modes are
 * set: a clone made under umask 077 would be closed to the servers' user.
 */
export async function copyRelease(directory: string, files: readonly ReleaseFile[]): Promise<void> {
  const fresh = `${directory}.new`;
  await rm(fresh, { recursive: true, force: true });
  const parents = new Set(files.map(({ to }) => path.dirname(path.join(fresh, to))));
  await inParallel([...parents], async (parent) => mkdir(parent, { recursive: true }));
  await inParallel(files, async ({ from, to, executable }) => {
    const target = path.join(fresh, to);
    await copyFile(from, target, constants.COPYFILE_FICLONE);
    await chmod(target, executable ? 0o755 : 0o644);
  });
  await run(['chmod', '--recursive', 'go+rX,go-w', path.dirname(path.dirname(directory))]);
  await run(['sync', '--file-system', fresh]);
  await rm(directory, { recursive: true, force: true });
  await rename(fresh, directory);
  await syncDirectory(path.dirname(directory));
}

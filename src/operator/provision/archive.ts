import { lchown, lstat, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { InstallationPaths } from '../../foundation/config/directory.ts';
import type { Settings } from '../../foundation/config/definitions.ts';
import type { RuntimeConfig } from '../../foundation/config/runtime-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { archiveCommand } from '../../foundation/postgres/archive-command.ts';
import { canEnter } from '../../foundation/process/service-user.ts';
import type { ClusterPlace } from './directory.ts';

/** What Postgres is started with so that it hands over its WAL. */
export function archiveSettings(socketDirectory: string): Record<string, string> {
  return {
    archive_mode: 'on',
    archive_command: archiveCommand(socketDirectory),
    archive_timeout: '60s',
  };
}

/**
 * What the daemon archives with. As root it runs as another user, to whom the places of backups are given: it writes
 * there, and nobody else needs them but root.
 *
 * @throws VectabaseError PRECONDITION_FAILED when that user cannot get there
 */
export async function archiveConfig(
  { backup }: Settings,
  { paths, place, socketDirectory }: { paths: InstallationPaths; place: ClusterPlace; socketDirectory: string },
): Promise<NonNullable<RuntimeConfig['archive']>> {
  const { runAs } = place;
  if (!(await canEnter(paths.directory, runAs))) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `${runAs?.name ?? 'the daemon'} archives WAL here, and ${paths.directory} is closed to that user`,
      hint: 'Choose a directory that others may pass through with --dir, or run it as another user than root.',
      details: { directory: paths.directory },
    });
  }
  const repository = backup.directory ?? paths.backups;
  const spool = path.join(place.paths.home, 'spool');
  for (const directory of [repository, paths.backupHome, spool]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (runAs) await give(directory, runAs);
  }
  return { socketDirectory, spool, repository, home: paths.backupHome, whenFull: backup.whenFull };
}

/** All below a directory too: root's commands leave files there. Never what a link leads to: others may lay one. */
async function give(file: string, owner: { readonly uid: number; readonly gid: number }): Promise<void> {
  const facts = await lstat(file);
  if (facts.uid !== owner.uid) await lchown(file, owner.uid, owner.gid);
  if (!facts.isDirectory()) return;
  for (const name of await readdir(file)) await give(path.join(file, name), owner);
}

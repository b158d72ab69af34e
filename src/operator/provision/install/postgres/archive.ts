import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../../../foundation/config/definitions.ts';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { loadSettings } from '../../../../foundation/config/settings.ts';
import { ARCHIVE_DIRECTORY, SPOOL_DIRECTORY } from '../../../../foundation/config/machine-paths.ts';
import type { RuntimeConfig } from '../../../../foundation/config/runtime-file.ts';
import { directoryStep } from '../kinds/directory.ts';
import type { Step } from '../step.ts';
import { INSTALLATION } from './secrets.ts';

/** Where the daemon keeps WAL and backups. Without a key to seal them for there are none, and every run says so. */
export function archiveStep(): Step {
  const owner = 'vectabase:vectabase';
  const step = directoryStep({
    id: 'postgres.archive',
    title: 'directories for WAL and backups',
    directories: [
      { path: SPOOL_DIRECTORY, owner, mode: 0o700, data: 'stays' },
      { path: INSTALLATION.backups, owner, mode: 0o700, data: 'stays' },
      { path: INSTALLATION.backupHome, owner, mode: 0o700, data: 'stays' },
    ],
  });
  let told = hasRecoveryKey();
  return {
    ...step,
    async detect(machine) {
      if (!told) machine.context.observe({ event: 'install.machine.noted', id: step.id, note: NO_KEY });
      told = true;
      return step.detect(machine);
    },
    async apply(machine, record) {
      await step.apply(machine, record);
      // A recovery key that was made before there was a daemon left files of root's.
      await machine.run(['chown', '--recursive', '--no-dereference', owner, INSTALLATION.backupHome]);
    },
  };
}

const NO_KEY =
  'nothing is backed up yet, as there is no recovery key to seal it for: vectabase backup key --out FILE, on a disk that is not of this machine; then vectabase install';

/** Public keys that WAL and backups are sealed for: `vectabase backup key` writes them. */
export const RECIPIENTS = path.join(INSTALLATION.backupHome, 'recipients');

export function hasRecoveryKey(): boolean {
  return existsSync(RECIPIENTS);
}

/** Directories of this machine outside of the volume that the owner has backups kept in. */
export function storeDirectories(): string[] {
  const { backup } = loadSettings({ dir: INSTALLED.configuration }).settings;
  const local = backup.stores.flatMap(({ url }) => (url.startsWith('file:') ? [fileURLToPath(url)] : []));
  return [...new Set([...(backup.directory === undefined ? [] : [backup.directory]), ...local])];
}

/** What the daemon archives with. */
export function archiveConfig(backup: Settings['backup']): NonNullable<RuntimeConfig['archive']> {
  return {
    socketDirectory: ARCHIVE_DIRECTORY,
    spool: SPOOL_DIRECTORY,
    repository: backup.directory ?? INSTALLATION.backups,
    home: INSTALLATION.backupHome,
    whenFull: backup.whenFull,
  };
}

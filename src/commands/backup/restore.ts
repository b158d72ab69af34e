import { Args, Flags } from '@oclif/core';
import { BackupCommand, openingFlags } from '../../cli/backup-command.ts';
import { formatBytes, formatCount, formatDuration } from '../../cli/render/units.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { RestoreReport } from '../../operator/backup/restore.ts';

export default class BackupRestore extends BackupCommand<RestoreReport> {
  static override summary = 'bring a backup back into a new data directory';
  static override description = `Never writes over anything: the directory must not exist, or be empty. Every file is compared with what the server had sent; a backup that is not whole leaves nothing behind.
Needs only the backup and the recovery key. Postgres replays the WAL in it at its first start.`;
  static override examples = [
    '<%= config.bin %> backup restore --key recovery.key --into /var/lib/postgresql/restored',
  ];
  static override args = { backup: Args.string({ ignoreStdin: true, description: 'which one (default: the newest)' }) };
  static override flags = {
    ...openingFlags,
    into: Flags.string({ summary: 'data directory to make', required: true, helpValue: 'DIR' }),
  };

  async run(): Promise<RestoreReport> {
    const { flags, args } = await this.parse(BackupRestore);
    const { serviceUser } = await import('../../foundation/process/service-user.ts');
    const { findEntry, openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { restoreBackup } = await import('../../operator/backup/restore.ts');
    const repository = await openRepository(await this.place(flags));
    const entry = await findEntry(repository, args.backup, flags);
    const identities = await readRecoveryKey(flags.key);
    const owner = await serviceUser();
    const input = { repository, entry, identities, into: flags.into, owner };
    const report = await restoreBackup(input, this.context<BackupObservation>());
    this.closeRenderer();
    const { label, into, files, bytes, ms } = report;
    this.print(
      `Backup ${label} is back in ${into}: ${formatCount(files)} files, ${formatBytes(bytes)}, in ${formatDuration(ms)}\n`,
    );
    return report;
  }
}

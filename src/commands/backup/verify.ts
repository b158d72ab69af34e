import { Args } from '@oclif/core';
import { BackupCommand, openingFlags } from '../../cli/backup-command.ts';
import { formatBytes, formatCount, formatDuration } from '../../cli/render/units.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { VerifyReport } from '../../operator/backup/verify.ts';

export default class BackupVerify extends BackupCommand<VerifyReport> {
  static override summary = 'open a backup and compare every file with what the server had sent';
  static override description =
    'Writes down in the catalogue what came out. Exits 6 for a backup that is not what was written.';
  static override examples = ['<%= config.bin %> backup verify --key recovery.key'];
  static override args = { backup: Args.string({ ignoreStdin: true, description: 'which one (default: the newest)' }) };
  static override flags = openingFlags;

  async run(): Promise<VerifyReport> {
    const { flags, args } = await this.parse(BackupVerify);
    const { findEntry, openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { verifyBackup } = await import('../../operator/backup/verify.ts');
    const repository = await openRepository(await this.place(flags));
    const entry = await findEntry(repository, args.backup, flags);
    const identities = await readRecoveryKey(flags.key);
    const report = await verifyBackup({ repository, entry, identities }, this.context<BackupObservation>());
    this.closeRenderer();
    const { label, files, bytes, ms } = report;
    this.print(
      `Backup ${label} is whole: ${formatCount(files)} files, ${formatBytes(bytes)}, checked in ${formatDuration(ms)}\n`,
    );
    return report;
  }
}

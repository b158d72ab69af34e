import { BackupCommand } from '../../cli/backup-command.ts';
import { formatBytes, formatDuration } from '../../cli/render/units.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { BackupEntry } from '../../operator/backup/repository.ts';

export default class BackupCreate extends BackupCommand<BackupEntry> {
  static override summary = 'take a sealed backup of the whole cluster while it works';
  static override description =
    'A physical copy with the WAL that makes it consistent: AES-256-GCM, for the recovery key alone. Needs no pg_basebackup.';
  static override examples = [
    '<%= config.bin %> backup create',
    '<%= config.bin %> backup create --repository /mnt/backup',
  ];

  async run(): Promise<BackupEntry> {
    const { flags } = await this.parse(BackupCreate);
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const { createBackup } = await import('../../operator/backup/create.ts');
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { adminAddress: address } = await readRunningInstallation(flags.dir);
    const entry = await createBackup(
      { address, repository: await openRepository(await this.place(flags)) },
      this.context<BackupObservation>(),
    );
    this.closeRenderer();
    const [base] = entry.objects;
    const ms = Date.parse(entry.finishedAt) - Date.parse(entry.startedAt);
    this.print(
      [
        `Backup ${entry.label}: ${formatBytes(base?.plainBytes ?? 0)}, sealed to ${formatBytes(base?.sealedBytes ?? 0)}, in ${formatDuration(ms)}`,
        'A copy on the disk that it protects is not a backup yet: bring it to another machine.',
        `  Next: vectabase backup rehearse ${entry.label} --key FILE${this.where(flags)}`,
        '',
      ].join('\n'),
    );
    return entry;
  }
}

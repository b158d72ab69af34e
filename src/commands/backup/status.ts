import { BackupCommand } from '../../cli/backup-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { BackupStatus } from '../../operator/backup/status.ts';

export default class BackupStatusCommand extends BackupCommand<BackupStatus> {
  static override summary = 'to which seconds one can return, and what was proved of it';
  static override description =
    'Reads the signed catalogues and asks every store. Ends with 6 when something is amiss.';
  static override examples = ['<%= config.bin %> backup status', '<%= config.bin %> backup status --json'];

  async run(): Promise<BackupStatus> {
    const { flags } = await this.parse(BackupStatusCommand);
    const { findPlace } = await import('../../operator/doctor/place.ts');
    const { backupStatus } = await import('../../operator/backup/status.ts');
    const { backups } = await findPlace(flags.dir);
    const place = await this.place(flags);
    const status = await backupStatus({ place, data: backups.data, now: Date.now(), signal: this.signal });
    const [full, ...incrementals] = status.standing.chain;
    const chain =
      incrementals.length === 0
        ? ''
        : `The newest backup is incremental: ${incrementals.length} on the full one ${full}.\n`;
    this.print(`${status.line}\n${chain}${status.problems.map((problem) => `  ! ${problem}\n`).join('')}`);
    const [first, ...others] = status.problems;
    if (first === undefined) return status;
    this.finishWith(
      status,
      new VectabaseError('BACKUPS_AMISS', {
        message: `the backups need your attention: ${first.split(':')[0] ?? first}${others.length > 0 ? `, and ${others.length} more` : ''}`,
        hint: `Do what is shown above, most important first.`,
        details: { problems: status.problems },
      }),
    );
  }
}

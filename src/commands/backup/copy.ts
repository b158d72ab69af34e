import { BackupCommand } from '../../cli/backup-command.ts';
import { formatBytes, formatCount, formatDuration } from '../../cli/render/units.ts';
import type { CopyReport } from '../../operator/backup/copy/run.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';

export default class BackupCopy extends BackupCommand<{ readonly copies: readonly CopyReport[] }> {
  static override summary = 'bring every store of backup.stores up to where the backups here are';
  static override description =
    'Goes on where it was stopped. What here is not as it was catalogued is not copied. The daemon does it by itself.';
  static override examples = ['<%= config.bin %> backup copy'];

  async run(): Promise<{ copies: readonly CopyReport[] }> {
    const { flags } = await this.parse(BackupCopy);
    const { copyToAll } = await import('../../operator/backup/copy/all.ts');
    const { copies, failure } = await copyToAll(await this.place(flags), this.context<BackupObservation>());
    this.closeRenderer();
    for (const { store, objects, bytes, ms } of copies) {
      this.print(`${store}: ${formatCount(objects)} objects, ${formatBytes(bytes)}, in ${formatDuration(ms)}\n`);
    }
    if (failure) this.finishWith({ copies }, failure);
    return { copies };
  }
}

import { BackupCommand } from '../../cli/backup-command.ts';
import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { formatAgo, formatBytes, formatDuration } from '../../cli/render/units.ts';
import type { BackupEntry } from '../../operator/backup/repository.ts';

interface Result {
  readonly repository: string;
  readonly backups: readonly BackupEntry[];
}

export default class BackupList extends BackupCommand<Result> {
  static override summary = 'the backups there are, newest first';
  static override examples = ['<%= config.bin %> backup list', '<%= config.bin %> backup list --json'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(BackupList);
    const { listEntries, openRepository } = await import('../../operator/backup/repository.ts');
    const repository = await openRepository(await this.place(flags));
    const backups = await listEntries(repository, this.signal);
    this.print(backups.length === 0 ? none(this.where(flags)) : `${shown(backups)}\n`);
    return { repository: repository.store.url, backups };
  }
}

function none(where: string): string {
  return `There is no backup yet.\n  Next: vectabase backup create${where}\n`;
}

function shown(backups: readonly BackupEntry[]): string {
  const rows = backups.map(({ label, parent, startedAt, finishedAt, objects: [base], end, signed }) => [
    signed ? label : `${label} (unsigned)`,
    formatAgo(Date.now() - Date.parse(finishedAt)),
    formatBytes(base?.plainBytes ?? 0),
    formatBytes(base?.sealedBytes ?? 0),
    formatDuration(Date.parse(finishedAt) - Date.parse(startedAt)),
    end.lsn,
    parent ?? '',
  ]);
  return table(
    ['backup', 'taken', 'size', 'sealed', 'took', 'consistent at', 'builds on'],
    rows,
    paint(process.stdout),
  );
}

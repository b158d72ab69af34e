import { tmpdir } from 'node:os';
import { Args, Flags } from '@oclif/core';
import { BackupCommand, openingFlags } from '../../cli/backup-command.ts';
import { formatBytes, formatCount, formatDuration } from '../../cli/render/units.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { RehearsalReport } from '../../operator/backup/rehearse.ts';

export default class BackupRehearse extends BackupCommand<RehearsalReport> {
  static override summary = 'restore a backup beside the running server, read all of it, and take it away again';
  static override description =
    'The only proof that a backup is one. Starts Postgres on the copy, without network, and counts every row of every table.';
  static override examples = ['<%= config.bin %> backup rehearse --key recovery.key'];
  static override args = { backup: Args.string({ ignoreStdin: true, description: 'which one (default: the newest)' }) };
  static override flags = {
    ...openingFlags,
    scratch: Flags.string({
      summary: 'directory with room for the whole cluster (default: the system’s for temporary files)',
      helpValue: 'DIR',
    }),
  };

  async run(): Promise<RehearsalReport> {
    const { flags, args } = await this.parse(BackupRehearse);
    const { findEntry, openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { rehearse } = await import('../../operator/backup/rehearse.ts');
    const repository = await openRepository(await this.place(flags));
    const entry = await findEntry(repository, args.backup, flags);
    const identities = await readRecoveryKey(flags.key);
    const input = { repository, entry, identities, scratch: flags.scratch ?? tmpdir() };
    const report = await rehearse(input, this.context<BackupObservation>());
    this.closeRenderer();
    this.print(shown(report));
    return report;
  }
}

function shown({ label, bytes, restoreMs, startMs, databases }: RehearsalReport): string {
  const lines = databases.map(({ database, tables, rows, checkedIndexes }) => {
    const indexes = checkedIndexes === undefined ? '' : `, ${formatCount(checkedIndexes)} indexes sound`;
    return `  ${database}: ${formatCount(tables)} tables, ${formatCount(rows)} rows${indexes}`;
  });
  return [
    `Backup ${label} restores: ${formatBytes(bytes)} back in ${formatDuration(restoreMs)}, Postgres answered after ${formatDuration(startMs)}`,
    ...lines,
    '',
  ].join('\n');
}

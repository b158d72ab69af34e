import { tmpdir } from 'node:os';
import { Args, Flags } from '@oclif/core';
import { BackupCommand, openingFlags } from '../../cli/backup-command.ts';
import { comparisonLines, copyLines } from '../../cli/render/copy-lines.ts';
import { formatDuration } from '../../cli/render/units.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { RehearsalReport } from '../../operator/backup/rehearse.ts';

export default class BackupRehearse extends BackupCommand<RehearsalReport> {
  static override summary =
    'restore to a random second beside the running server, read all of it, and take it away again';
  static override description = `The only proof that a backup is one. Starts Postgres on a copy, without network, replays WAL to a second that nobody chose, counts every row of every table, walks every index, and holds the tables against those of the nearest dump.
What was found is written down, and its hash goes into the signed catalogue.`;
  static override examples = [
    '<%= config.bin %> backup rehearse --key recovery.key',
    "<%= config.bin %> backup rehearse --key recovery.key --pitr '2026-11-22 14:03:00+00'",
  ];
  static override args = {
    backup: Args.string({ ignoreStdin: true, description: 'this backup alone, as it ended' }),
  };
  static override flags = {
    ...openingFlags,
    pitr: Flags.string({ summary: 'the second to restore to, with its zone', helpValue: 'TIME' }),
    scratch: Flags.string({
      summary: 'directory with room for the whole cluster (default: the system’s for temporary files)',
      helpValue: 'DIR',
    }),
  };

  async run(): Promise<RehearsalReport> {
    const { flags, args } = await this.parse(BackupRehearse);
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { assertSame, rehearse } = await import('../../operator/backup/rehearse.ts');
    const { parseTarget } = await import('../../operator/backup/restore/target.ts');
    const { findSite } = await import('../../operator/backup/restore/site.ts');
    const site = await findSite(flags.dir, Date.now);
    const input = {
      repository: await openRepository(await this.place(flags)),
      identities: await readRecoveryKey(flags.key),
      scratch: flags.scratch ?? (site?.kind === 'installed' ? site.scratch : tmpdir()),
      target: parseTarget(flags),
      label: args.backup,
      unsigned: flags.unsigned,
      site,
      record: site !== undefined,
    };
    const report = await rehearse(input, this.context<BackupObservation>());
    this.closeRenderer();
    this.print(shown(report));
    assertSame(report);
    return report;
  }
}

function shown(report: RehearsalReport): string {
  const { target, ms, compared, evidence } = report;
  return [
    `Proved: a restore to ${target} takes ${formatDuration(ms)}`,
    ...copyLines(report),
    ...comparisonLines(compared),
    ...(evidence === null ? [] : [`  evidence: ${evidence.file}`]),
    '',
  ].join('\n');
}

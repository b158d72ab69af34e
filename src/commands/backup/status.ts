import { Flags } from '@oclif/core';
import { BackupCommand } from '../../cli/backup-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { instant } from '../../foundation/core/numbers.ts';
import type { BackupStatus } from '../../operator/backup/status.ts';

export default class BackupStatusCommand extends BackupCommand<BackupStatus> {
  static override summary = 'to which seconds one can return, and what was proved of it';
  static override description =
    'Reads the signed catalogues and asks every store. Ends with 6 when something is amiss.';
  static override examples = [
    '<%= config.bin %> backup status',
    '<%= config.bin %> backup status --from s3://my-bucket/shop --key recovery.key',
  ];
  static override flags = {
    key: Flags.string({
      summary:
        'file with the recovery key, which names the key of the catalogue: for a machine that has no installation',
      env: 'VECTABASE_RECOVERY_KEY_FILE',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<BackupStatus> {
    const { flags } = await this.parse(BackupStatusCommand);
    const { backupStatus } = await import('../../operator/backup/status.ts');
    const place = await this.place(flags);
    const data = await this.#data(flags);
    const status = await backupStatus({ place, data, now: Date.now(), signal: this.signal });
    this.print(shown(status));
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

  /** Of what is in a store that is named, an installation here need not know. */
  async #data({ dir, from }: { dir: string; from: string | undefined }): Promise<string | undefined> {
    const { findPlace } = await import('../../operator/doctor/place.ts');
    try {
      return (await findPlace(dir)).backups.data;
    } catch (error) {
      const missing = error instanceof VectabaseError && error.code === 'INSTALLATION_MISSING';
      if (from !== undefined && missing) return undefined;
      throw error;
    }
  }
}

/** One thing a line, most important first. */
function shown({ line, standing, problems }: BackupStatus): string {
  const { timeline, left } = standing;
  const branches = left
    .slice(0, MOST_BRANCHES)
    .map((branch) => `  timeline ${branch.timeline}: ${instant(branch.to)}, with --timeline ${branch.timeline}`);
  const [first = '', ...rest] = line.split('; ');
  const [full, ...incrementals] = standing.chain;
  return [
    `${first.charAt(0).toUpperCase()}${first.slice(1)}`,
    ...rest.map((part) => `  ${part}`),
    ...(incrementals.length === 0
      ? []
      : [`  the newest backup is incremental: ${incrementals.length} on the full one ${full ?? ''}`]),
    ...(branches.length === 0
      ? []
      : [`  timeline ${timeline ?? '?'} is live; restores, or their undoing, left others, up to:`]),
    ...branches.map((each) => `  ${each}`),
    ...problems.map((problem) => `  ! ${problem.replace(/: (?=(vectabase|timedatectl|set) )/, '\n    ')}`),
    '',
  ].join('\n');
}

const MOST_BRANCHES = 5;

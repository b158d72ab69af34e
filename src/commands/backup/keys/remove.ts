import { Args, Flags } from '@oclif/core';
import { BackupCommand } from '../../../cli/backup-command.ts';
import { systemClock } from '../../../foundation/core/observe.ts';
import type { KeyRemoved } from '../../../operator/backup/rewrap.ts';

export default class BackupKeysRemove extends BackupCommand<KeyRemoved> {
  static override summary = 'seal backups for one recovery key less from now on';
  static override description = `It cannot be taken away from what is there: whoever has its private half opens those files for as long as he finds them.
If a stranger has it, take a new backup afterwards and keep the old ones out of his reach until their time is over.`;
  static override examples = ['<%= config.bin %> backup keys remove age1…'];
  static override args = {
    recipient: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'its public half, as keys list shows it',
    }),
  };
  static override flags = {
    force: Flags.boolean({ summary: 'also where nothing else opens what it does', default: false }),
  };

  async run(): Promise<KeyRemoved> {
    const { flags, args } = await this.parse(BackupKeysRemove);
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { removeRecoveryKey } = await import('../../../operator/backup/rewrap.ts');
    const repository = await openRepository(await this.place(flags));
    const change = { repository, recipient: args.recipient, clock: systemClock, signal: this.signal };
    const removed = await removeRecoveryKey({ ...change, force: flags.force });
    this.print(
      [
        `Backups are no longer sealed for ${removed.recipient}.`,
        ...(removed.opens > 0 ? [`It goes on opening ${removed.opens} epochs until their files are pruned.`] : []),
        `They are for ${removed.left.join(', ')}.`,
        removed.shown
          ? `  Next: vectabase backup keys kit${this.where(flags)}`
          : `Nobody has shown the private half of it yet.\n  Next: vectabase backup keys prove${this.where(flags)} --key FILE`,
        '',
      ].join('\n'),
    );
    return removed;
  }
}

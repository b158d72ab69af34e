import { Args, Flags } from '@oclif/core';
import { BackupCommand } from '../../cli/backup-command.ts';
import { systemClock } from '../../foundation/core/observe.ts';

interface Result {
  readonly label: string;
  readonly pinned: boolean;
}

export default class BackupPin extends BackupCommand<Result> {
  static override summary = 'keep a backup for good, whatever its age';
  static override examples = [
    '<%= config.bin %> backup pin 20261122T030000Z',
    '<%= config.bin %> backup pin 20261122T030000Z --off',
  ];
  static override args = { backup: Args.string({ ignoreStdin: true, required: true, description: 'which one' }) };
  static override flags = { off: Flags.boolean({ summary: 'let it go in its time again', default: false }) };

  async run(): Promise<Result> {
    const { flags, args } = await this.parse(BackupPin);
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { pinBackup } = await import('../../operator/backup/show.ts');
    const repository = await openRepository(await this.place(flags));
    const pinned = !flags.off;
    await pinBackup(repository, { label: args.backup, pinned }, { clock: systemClock, signal: this.signal });
    this.print(`Backup ${args.backup} ${pinned ? 'stays for good' : 'goes in its time'}.\n`);
    return { label: args.backup, pinned };
  }
}

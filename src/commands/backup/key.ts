import { Flags } from '@oclif/core';
import { BackupCommand } from '../../cli/backup-command.ts';
import type { NewRecoveryKey } from '../../operator/backup/recovery-key.ts';

export default class BackupKey extends BackupCommand<NewRecoveryKey> {
  static override summary = 'make the key that opens backups';
  static override description = `The file is written once and exists nowhere else: keep it, twice, away from this machine. Without it no backup can be restored.
The machine keeps the public half alone, so it can make backups and not read them. For a second key, or a new one, there is vectabase backup keys add, which lets it open what is there, too.`;
  static override examples = ['<%= config.bin %> backup key --out /media/usb/recovery.key'];
  static override flags = {
    out: Flags.string({ summary: 'file to write, which must not exist', required: true, helpValue: 'FILE' }),
  };

  async run(): Promise<NewRecoveryKey> {
    const { flags } = await this.parse(BackupKey);
    const { makeRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const made = await makeRecoveryKey((await this.place(flags)).home, flags.out, Date.now());
    this.print(
      [
        `Recovery key written to ${made.file}`,
        `Backups are sealed for ${made.recipient} from now on.`,
        'Keep the file away from this machine, and a second copy of it elsewhere: without it no backup opens.',
        `  Next: vectabase backup create${this.where(flags)}`,
        '',
      ].join('\n'),
    );
    return made;
  }
}

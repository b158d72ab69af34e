import { Flags } from '@oclif/core';
import { BackupCommand } from '../../../cli/backup-command.ts';
import { askSecret } from '../../../cli/prompts.ts';
import { systemClock } from '../../../foundation/core/observe.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { KeyProof } from '../../../operator/backup/keys.ts';

export default class BackupKeysProve extends BackupCommand<KeyProof> {
  static override summary = 'show that you still have the recovery key';
  static override description =
    'Opens the newest backup with it, from the file or as you type it from paper, and writes down that it worked. Once a month; status reminds you.';
  static override examples = [
    '<%= config.bin %> backup keys prove --key recovery.key',
    '<%= config.bin %> backup keys prove',
  ];
  static override flags = {
    key: Flags.string({
      summary: 'file with the recovery key; left out, it is asked for',
      env: 'VECTABASE_RECOVERY_KEY_FILE',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<KeyProof> {
    const { flags } = await this.parse(BackupKeysProve);
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { readRecoveryKey, parseRecoveryKey } = await import('../../../operator/backup/recovery-key.ts');
    const { proveKey } = await import('../../../operator/backup/keys.ts');
    const repository = await openRepository(await this.place(flags));
    const by = flags.key === undefined ? 'typed' : 'file';
    if (flags.key === undefined && !this.mayAsk(flags)) {
      throw new VectabaseError('USAGE', {
        message: 'there is nobody to type the key',
        hint: 'Name its file: vectabase backup keys prove --key FILE',
      });
    }
    const identities =
      flags.key === undefined
        ? await parseRecoveryKey(await askSecret('The recovery key (AGE-SECRET-KEY-1…):'))
        : await readRecoveryKey(flags.key);
    const proof = await proveKey({ repository, identities, by, clock: systemClock, signal: this.signal });
    this.print(`The key opens backup ${proof.opened}. Written down; the next time is in a month.\n`);
    return proof;
  }
}

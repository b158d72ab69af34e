import { Args, Flags } from '@oclif/core';
import { BackupCommand } from '../../../cli/backup-command.ts';
import { shellWord } from '../../../foundation/core/shell-words.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { systemClock } from '../../../foundation/core/observe.ts';
import type { KeyAdded } from '../../../operator/backup/rewrap.ts';

export default class BackupKeysAdd extends BackupCommand<KeyAdded> {
  static override summary = 'let one more recovery key open backups, also those that are there';
  static override description = `The files stay as they are: the signed catalogue gets the keys of their epochs wrapped for the new key, which takes a recovery key that opens them.
A run that was stopped is finished by running it again.`;
  static override examples = [
    '<%= config.bin %> backup keys add --out /media/usb/second.key --key recovery.key',
    '<%= config.bin %> backup keys add age1… --key recovery.key',
  ];
  static override args = {
    recipient: Args.string({ ignoreStdin: true, description: 'public half of the new key (age1…, ssh-ed25519 …)' }),
  };
  static override flags = {
    key: Flags.string({
      summary: 'file with a recovery key that opens the backups that are there',
      env: 'VECTABASE_RECOVERY_KEY_FILE',
      helpValue: 'FILE',
      required: true,
    }),
    out: Flags.string({
      summary: 'make the new key and write it there; a key that is there is taken as it is',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<KeyAdded> {
    const { flags, args } = await this.parse(BackupKeysAdd);
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { newRecipient, readRecoveryKey } = await import('../../../operator/backup/recovery-key.ts');
    const { addRecoveryKey } = await import('../../../operator/backup/rewrap.ts');
    const repository = await openRepository(await this.place(flags));
    const identities = await readRecoveryKey(flags.key);
    const recipient = await newRecipient(repository.home, { text: args.recipient, file: flags.out, now: Date.now() });
    const added = await addRecoveryKey({ repository, recipient, identities, clock: systemClock, signal: this.signal });
    this.print(
      [
        `Backups are sealed for ${recipient} from now on.`,
        ...(added.rewrapped > 0 ? [`That key opens what is there, too: ${added.rewrapped} epochs.`] : []),
        ...(flags.out === undefined ? [] : [`Keep ${flags.out} away from this machine, and a second copy elsewhere.`]),
        `  Next: vectabase backup keys prove${this.where(flags)} --key ${flags.out === undefined ? 'FILE' : shellWord(flags.out)}`,
        '',
      ].join('\n'),
    );
    if (added.unopened.length === 0) return added;
    this.finishWith(
      added,
      new VectabaseError('BACKUPS_AMISS', {
        message: `${added.unopened.length} epochs of backups do not open with the key in ${flags.key}`,
        hint: `Run it again with the one that they were sealed for: vectabase backup keys add ${recipient} --key FILE`,
        details: { epochs: added.unopened },
      }),
    );
  }
}

import { BackupCommand } from '../../../cli/backup-command.ts';
import { systemClock } from '../../../foundation/core/observe.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';

export default class BackupKeysAdopt extends BackupCommand<{ readonly publicKey: string }> {
  static override summary = 'go on with the catalogue of a machine that was lost, under the key of this one';
  static override description =
    'Bring catalogue.key back from a backup of the configuration instead, where there is one: then nothing changes for readers.';
  static override examples = ['<%= config.bin %> backup keys adopt --catalogue-key ed25519:…'];

  async run(): Promise<{ publicKey: string }> {
    const { flags } = await this.parse(BackupKeysAdopt);
    const known = flags['catalogue-key'];
    if (known === undefined) {
      throw new VectabaseError('USAGE', {
        message: 'whose catalogue it is must be known before it can be gone on with',
        hint: 'Name the catalogue key of the recovery kit: --catalogue-key KEY.',
      });
    }
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { adoptCatalogue } = await import('../../../operator/backup/keys.ts');
    const repository = await openRepository(await this.place(flags));
    const publicKey = await adoptCatalogue(repository, known, { clock: systemClock, signal: this.signal });
    this.print(`The catalogue is signed by ${publicKey} from now on.\n  Next: vectabase backup keys kit\n`);
    return { publicKey };
  }
}

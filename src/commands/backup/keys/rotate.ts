import { BackupCommand } from '../../../cli/backup-command.ts';
import { systemClock } from '../../../foundation/core/observe.ts';

export default class BackupKeysRotate extends BackupCommand<{ readonly publicKey: string }> {
  static override summary = 'give the catalogue a new signing key';
  static override description =
    'The old key signs the hand-over, so recovery kits that name it stay good. For a new recovery key there is vectabase backup keys add.';
  static override examples = ['<%= config.bin %> backup keys rotate'];

  async run(): Promise<{ publicKey: string }> {
    const { flags } = await this.parse(BackupKeysRotate);
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { rotateCatalogueKey } = await import('../../../operator/backup/keys.ts');
    const repository = await openRepository(await this.place(flags));
    const publicKey = await rotateCatalogueKey(repository, { clock: systemClock, signal: this.signal });
    this.print(`The catalogue is signed by ${publicKey} from now on.\n  Next: vectabase backup keys kit\n`);
    return { publicKey };
  }
}

import { BackupCommand } from '../../../cli/backup-command.ts';

export default class BackupKeysKit extends BackupCommand<{ readonly kit: string }> {
  static override summary = 'the recovery kit: one page to print';
  static override description =
    'What a new machine needs: public keys, addresses of the stores, the commands. The private key is not on it: this machine does not have it.';
  static override examples = ['<%= config.bin %> backup keys kit > recovery-kit.txt'];

  async run(): Promise<{ kit: string }> {
    const { flags } = await this.parse(BackupKeysKit);
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { listSystems } = await import('../../../operator/backup/catalog/read.ts');
    const { listKeys } = await import('../../../operator/backup/keys.ts');
    const { recoveryKit } = await import('../../../operator/backup/recovery-kit.ts');
    const place = await this.place(flags);
    const repository = await openRepository(place);
    const [keys, systems] = [await listKeys(repository, this.signal), await listSystems(repository.store)];
    const { directory, stores } = place;
    const kit = recoveryKit({ keys, systems, directory, stores, now: Date.now() });
    this.print(kit);
    return { kit };
  }
}

import { BackupCommand } from '../../../cli/backup-command.ts';
import { formatAgo } from '../../../cli/render/units.ts';
import type { KeyList } from '../../../operator/backup/keys.ts';

export default class BackupKeysList extends BackupCommand<KeyList> {
  static override summary = 'whom backups are sealed for, and who signs their catalogue';
  static override examples = ['<%= config.bin %> backup keys list'];

  async run(): Promise<KeyList> {
    const { flags } = await this.parse(BackupKeysList);
    const { openRepository } = await import('../../../operator/backup/repository.ts');
    const { listKeys } = await import('../../../operator/backup/keys.ts');
    const keys = await listKeys(await openRepository(await this.place(flags)), this.signal);
    const proved = (at: string | null): string =>
      at === null ? 'never shown' : `shown ${formatAgo(Date.now() - Date.parse(at))}`;
    this.print(
      [
        ...keys.recovery.map(({ recipient, provedAt, locked }) =>
          [`recovery   ${recipient}`, proved(provedAt), ...(locked > 0 ? [`does not open ${locked} epochs`] : [])].join(
            '  ',
          ),
        ),
        ...keys.removed.map(({ recipient, opens }) => `removed    ${recipient}  still opens ${opens} epochs`),
        ...keys.catalogue.map((key, at) => `catalogue  ${key}${at === keys.catalogue.length - 1 ? '  signs' : ''}`),
        '',
      ].join('\n'),
    );
    return keys;
  }
}

import { Flags } from '@oclif/core';
import { shellWord, targetWords } from '../foundation/core/shell-words.ts';
import { BaseCommand } from './base-command.ts';

/** What commands need that open backups. */
export const openingFlags = {
  key: Flags.string({
    summary: 'file with the recovery key',
    env: 'VECTABASE_RECOVERY_KEY_FILE',
    helpValue: 'FILE',
    required: true,
  }),
  unsigned: Flags.boolean({
    summary: 'take a backup that no catalogue of yours names: one from before there was a catalogue',
    default: false,
  }),
};

/** What the commands below `backup` share. */
export abstract class BackupCommand<Result> extends BaseCommand<Result> {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    repository: Flags.string({
      summary: 'where backups are kept (default: the setting backup.directory, <dir>/backups)',
      helpValue: 'DIR',
    }),
  };

  /** The flags that lead the next command to the same backups, as of `targetWords`. */
  protected where(flags: { dir: string; repository: string | undefined }): string {
    return `${targetWords(flags)}${flags.repository === undefined ? '' : ` --repository ${shellWord(flags.repository)}`}`;
  }

  /** What `openRepository` takes. */
  protected async place(flags: { dir: string; repository: string | undefined; key?: string }): Promise<{
    readonly directory: string;
    readonly home: { readonly directory: string };
    readonly keyFile: string | undefined;
  }> {
    const { installationPaths } = await import('../foundation/config/directory.ts');
    const { loadSettings } = await import('../foundation/config/settings.ts');
    const named = flags.repository ?? loadSettings({ dir: flags.dir }).settings.backup.directory;
    const { backups, backupHome } = installationPaths(flags.dir);
    return { directory: named ?? backups, home: { directory: backupHome }, keyFile: flags.key };
  }
}

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
    from: Flags.string({
      aliases: ['repository'],
      summary:
        'where the backups are: DIR, s3://BUCKET/PREFIX, sftp://USER@HOST/DIR (default: the setting backup.directory)',
      helpValue: 'STORE',
    }),
    system: Flags.string({ summary: 'the cluster that is meant, where a store holds several', helpValue: 'ID' }),
    'catalogue-key': Flags.string({
      summary: 'public key that signed the catalogue, of the recovery kit (default: the one in the file of --key)',
      helpValue: 'KEY',
      multiple: true,
    }),
  };

  /** The flags that lead the next command to the same backups, as of `targetWords`. */
  protected where(flags: PlaceFlags): string {
    return `${targetWords(flags)}${flags.from === undefined ? '' : ` --from ${shellWord(flags.from)}`}`;
  }

  /** What `openRepository` takes. */
  protected async place(flags: PlaceFlags & { key?: string | undefined }) {
    const { installationPaths } = await import('../foundation/config/directory.ts');
    const { loadSettings } = await import('../foundation/config/settings.ts');
    const { directory, stores } = loadSettings({ dir: flags.dir }).settings.backup;
    const { backups, backupHome } = installationPaths(flags.dir);
    return {
      directory: directory ?? backups,
      stores,
      from: flags.from,
      home: { directory: backupHome },
      systemId: flags.system,
      catalogueKeys: flags['catalogue-key'],
      keyFile: flags.key,
    };
  }
}

export interface PlaceFlags {
  dir: string;
  from: string | undefined;
  system: string | undefined;
  'catalogue-key': string[] | undefined;
}

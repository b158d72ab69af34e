import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { settingInWords, shownSetting } from '../../cli/setting-words.ts';
import type { Source } from '../../foundation/config/settings.ts';

interface Result {
  readonly key: string;
  /** The value in force; of a secret only whether it is set. */
  readonly value: unknown;
  readonly source: Source;
}

export default class ConfigGet extends BaseCommand<Result> {
  static override summary = 'print one setting that is in force';
  static override examples = ['<%= config.bin %> config get api.publicUrl'];
  static override args = {
    key: Args.string({ ignoreStdin: true, description: 'as api.port', required: true }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(ConfigGet);
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { describeSetting } = await import('../../operator/provision/configure.ts');
    const info = describeSetting(args.key);
    const { settings, sources } = loadSettings({ dir: flags.dir });
    const value = shownSetting(info, settings);
    this.print(`${settingInWords(value)}\n`);
    return { key: info.key, value, source: sources[info.key] ?? 'default' };
  }
}

import path from 'node:path';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { settingInWords, shownSetting } from '../../cli/setting-words.ts';
import type { Source } from '../../foundation/config/settings.ts';

interface ShownSetting {
  /** The value in force; of a secret only whether it is set. */
  readonly value: unknown;
  readonly source?: Source;
  readonly variable?: string;
}

type Result = Readonly<Record<string, ShownSetting>>;

export default class ConfigShow extends BaseCommand<Result> {
  static override summary = 'print the settings in force';
  static override description =
    'Defaults, then vectabase.yml, then VECTABASE_* variables, then flags: the last one that speaks wins. Secrets are shown as set or unset. What is not accepted is left out, and told at the end.';
  static override examples = ['<%= config.bin %> config show --sources', '<%= config.bin %> config show --json'];
  static override flags = {
    sources: Flags.boolean({ summary: 'tell where each value comes from, and its environment variable' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(ConfigShow);
    const { describeSettings, readSettings } = await import('../../foundation/config/settings.ts');
    const { settings, sources, mistakes } = readSettings({ dir: flags.dir });
    const { insteadOf } = await import('../../foundation/config/effects.ts');
    const obeyed = describeSettings().filter(({ key }) => insteadOf(key, path.resolve(flags.dir)) === undefined);
    const shown = obeyed.map((info): [string, ShownSetting] => {
      const value = shownSetting(info, settings);
      const source = sources[info.key] ?? 'default';
      return [info.key, flags.sources ? { value, source, variable: info.variable } : { value }];
    });
    this.log(table(shown));
    const [first] = mistakes;
    if (first !== undefined) throw first;
    return Object.fromEntries(shown);
  }
}

function table(shown: ReadonlyArray<[string, ShownSetting]>): string {
  const rows = shown.map(([key, { value, source, variable }]) => [
    key,
    settingInWords(value),
    source ?? '',
    variable ?? '',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { SettingInfo, Source } from '../../foundation/config/settings.ts';

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
    'Defaults, then vectabase.yml, then VECTABASE_* variables, then flags: the last one that speaks wins. Secrets are shown as set or unset.';
  static override examples = ['<%= config.bin %> config show --sources', '<%= config.bin %> config show --json'];
  static override flags = {
    sources: Flags.boolean({ summary: 'tell where each value comes from, and its environment variable' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(ConfigShow);
    const { describeSettings, loadSettings } = await import('../../foundation/config/settings.ts');
    const { settings, sources } = loadSettings({ dir: flags.dir });
    const shown = describeSettings().map((info): [string, ShownSetting] => {
      const value = visible(info, valueAt(settings, info.key));
      const source = sources[info.key] ?? 'default';
      return [info.key, flags.sources ? { value, source, variable: info.variable } : { value }];
    });
    this.log(table(shown));
    return Object.fromEntries(shown);
  }
}

function valueAt(settings: object, key: string): unknown {
  return key.split('.').reduce<unknown>((level, name) => (level as Record<string, unknown>)[name], settings);
}

function visible({ secret }: SettingInfo, value: unknown): unknown {
  if (secret) return value === undefined || isEmpty(value) ? 'unset' : 'set';
  return value ?? null;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function table(shown: ReadonlyArray<[string, ShownSetting]>): string {
  const rows = shown.map(([key, { value, source, variable }]) => [key, inWords(value), source ?? '', variable ?? '']);
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

function inWords(value: unknown): string {
  if (value === null) return 'unset';
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

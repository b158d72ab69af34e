import { BaseCommand } from '../../cli/base-command.ts';
import { count } from '../../foundation/core/numbers.ts';

interface Result {
  readonly accepted: true;
  /** Keys that are set, by place. */
  readonly file: readonly string[];
  readonly environment: readonly string[];
}

export default class ConfigCheck extends BaseCommand<Result> {
  static override summary = 'are all settings accepted?';
  static override description =
    'Reads vectabase.yml and the VECTABASE_* variables as every command does. Ends with 2 and names the place of the first mistake.';
  static override examples = ['<%= config.bin %> config check'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(ConfigCheck);
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { sources } = loadSettings({ dir: flags.dir });
    const from = (place: string): string[] => Object.keys(sources).filter((key) => sources[key] === place);
    const result: Result = { accepted: true, file: from('file'), environment: from('environment') };
    this.print(
      `Accepted: ${count(result.file.length, 'setting')} in vectabase.yml, ${result.environment.length} in the environment\n`,
    );
    return result;
  }
}

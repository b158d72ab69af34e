import { BaseCommand } from '../../cli/base-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { count } from '../../foundation/core/numbers.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';

interface Result {
  readonly accepted: true;
  /** Keys that are set, by place. */
  readonly file: readonly string[];
  readonly environment: readonly string[];
}

export default class ConfigCheck extends BaseCommand<Result> {
  static override summary = 'are all settings accepted?';
  static override description =
    'Reads vectabase.yml and the VECTABASE_* variables as every command does. Ends with 2 and names the place of each mistake: file, line and column, or variable.';
  static override examples = ['<%= config.bin %> config check'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(ConfigCheck);
    const { readSettings } = await import('../../foundation/config/settings.ts');
    const { sources, mistakes } = readSettings({ dir: flags.dir });
    if (mistakes.length > 0) throw this.#refusal(mistakes, flags.dir);
    const from = (place: string): string[] => Object.keys(sources).filter((key) => sources[key] === place);
    const result: Result = { accepted: true, file: from('file'), environment: from('environment') };
    this.print(
      `Accepted: ${count(result.file.length, 'setting')} in vectabase.yml, ${result.environment.length} in the environment\n`,
    );
    return result;
  }

  /** Names all of them: the file is corrected in one go. */
  #refusal(mistakes: readonly VectabaseError[], dir: string): VectabaseError {
    const messages = mistakes.map(({ message }) => message);
    if (messages.length > 1) for (const message of messages) this.say(message);
    const inFile = mistakes.filter(({ details }) => details['file'] !== undefined);
    return new VectabaseError('CONFIG_INVALID', {
      message: messages.length > 1 ? `${messages.length} places are not accepted` : (messages[0] ?? ''),
      hint: inFile.length > 0 ? `Run vectabase config edit${targetWords({ dir })}.` : (mistakes[0]?.hint ?? ''),
      details: { ...mistakes[0]?.details, mistakes: messages },
    });
  }
}

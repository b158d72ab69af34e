import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { readValue } from '../../cli/piped-value.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { SettingChange } from '../../operator/provision/configure.ts';

export default class ConfigSet extends BaseCommand<SettingChange> {
  static override summary = 'write one setting into vectabase.yml';
  static override description = `Comments of the file stay. What would not be accepted is not written. The command tells when the new value counts.
A secret comes from a file, a pipe or a prompt, never from the command line; better yet it goes where secrets are kept (vectabase secrets set).`;
  static override examples = [
    '<%= config.bin %> config set api.publicUrl https://api.example.com',
    '<%= config.bin %> config set rest.schemas public,api',
    '<%= config.bin %> config set log.level --default',
  ];
  static override args = {
    key: Args.string({ ignoreStdin: true, description: 'as api.port', required: true }),
    value: Args.string({ ignoreStdin: true, description: 'the value; lists with commas' }),
  };
  static override flags = {
    default: Flags.boolean({ summary: 'take it out of the file: the default holds again' }),
    'from-file': Flags.string({ summary: 'file with the value of a secret; - is stdin', helpValue: 'FILE' }),
  };

  async run(): Promise<SettingChange> {
    const { args, flags } = await this.parse(ConfigSet);
    const { changeSetting, describeSetting, howToApply } = await import('../../operator/provision/configure.ts');
    const info = describeSetting(args.key);
    const text = flags.default ? undefined : await this.#value(info, args.value, flags);
    const result = await changeSetting(flags.dir, info.key, text);
    this.print(`${info.key} ${result.changed ? 'is changed' : 'was that already'} in vectabase.yml\n`);
    if (result.hiddenBy !== null) this.say(`${result.hiddenBy} is set in the environment, and wins over the file.`);
    const next = howToApply([result.effect], flags.dir);
    if (result.changed && next !== undefined) this.say(next);
    return result;
  }

  async #value(
    { key, secret }: { readonly key: string; readonly secret: boolean },
    given: string | undefined,
    flags: { readonly 'from-file': string | undefined; readonly 'no-input': boolean },
  ): Promise<string> {
    if (given !== undefined && secret) throw onCommandLine(key);
    if (given !== undefined) return given;
    if (!secret && flags['from-file'] === undefined) throw noValue(key);
    const file = flags['from-file'] === '-' ? undefined : flags['from-file'];
    const ask = this.mayAsk(flags);
    return (await readValue({ file, ask, question: `value of ${key}` })).toString('utf8').replace(/\r?\n$/, '');
  }
}

function noValue(key: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `there is no value for ${key}`,
    hint: `Run vectabase config set ${key} VALUE, or with --default instead of a value.`,
  });
}

/** Repeats nothing: it may be the secret. */
function onCommandLine(key: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `${key} is a secret: on the command line it stays in the history of the shell and in the process list`,
    hint: `Pipe it in, or name a file: vectabase config set ${key} --from-file FILE`,
  });
}

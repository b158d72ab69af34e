import { Flags } from '@oclif/core';
import { shellWord, targetWords } from '../foundation/core/shell-words.ts';
import { BaseCommand } from './base-command.ts';
import { readValue } from './piped-value.ts';
import { askSecret } from './prompts.ts';

/**
 * What the commands below `secrets` share. Their arguments all say `ignoreStdin`: oclif would take what is piped in, a
 * value mostly, for an argument that is left out.
 */
export abstract class SecretsCommand<Result> extends BaseCommand<Result> {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    environment: Flags.string({
      char: 'e',
      summary: 'whose secrets (default: the setting secrets.environment, production)',
      helpValue: 'NAME',
    }),
    reason: Flags.string({ summary: 'why, for the log of accesses', env: 'VECTABASE_REASON', helpValue: 'TEXT' }),
  };

  /** What opens the secrets: the shared flags, and a person who knows the passphrase of the key, if there is one. */
  protected opening(flags: {
    dir: string;
    environment: string | undefined;
    reason: string | undefined;
    'no-input': boolean;
  }) {
    const askPassphrase = async (file: string): Promise<string> => askSecret(`passphrase of ${file}`);
    return {
      dir: flags.dir,
      environment: flags.environment,
      reason: flags.reason,
      now: () => Date.now(),
      ...(this.mayAsk(flags) ? { askPassphrase } : {}),
    };
  }

  /** The flags that lead the next command to the same secrets, as of `targetWords`. */
  protected where(flags: { dir: string; environment: string | undefined }): string {
    return `${targetWords(flags)}${flags.environment === undefined ? '' : ` -e ${shellWord(flags.environment)}`}`;
  }

  /**
   * A value from a file, a prompt, or what is piped in; never from the command line.
   *
   * @throws VectabaseError USAGE when none of them brings one
   */
  protected async valueFrom(
    flags: { 'from-file': string | undefined; 'no-input': boolean },
    question: string,
  ): Promise<Buffer> {
    return readValue({ file: flags['from-file'], ask: this.mayAsk(flags), question });
  }
}

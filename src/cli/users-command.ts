import { Args, Flags } from '@oclif/core';
import { targetWords } from '../foundation/core/shell-words.ts';
import { BaseCommand } from './base-command.ts';
import { targetFlags } from './migrate-flags.ts';
import { readValue } from './piped-value.ts';
import { confirmByName } from './prompts.ts';

export const WHO = {
  who: Args.string({
    ignoreStdin: true,
    description: 'e-mail address, phone number or id of the account',
    required: true,
  }),
};

export const confirmFlag = {
  confirm: Flags.string({ summary: 'the address of the account, in place of the prompt', helpValue: 'EMAIL' }),
};

export const passwordFlag = {
  'from-file': Flags.string({ summary: 'file with the password; - is stdin', helpValue: 'FILE' }),
};

interface Common {
  readonly dir: string;
  readonly 'no-input': boolean;
  readonly 'target-file'?: string | undefined;
}

/** What the commands below `users` share: they work on the database itself, whether or not the daemon runs. */
export abstract class UsersCommand<Result> extends BaseCommand<Result> {
  static override baseFlags = { ...BaseCommand.baseFlags, ...targetFlags };

  /** Asks for the address once more. @throws VectabaseError CONFIRMATION_REQUIRED, CANCELLED, USER_NOT_FOUND */
  protected async confirmed(
    flags: Common & { readonly confirm: string | undefined },
    account: { readonly name: string; readonly what: string; readonly command: string },
  ): Promise<void> {
    await confirmByName({
      name: account.name,
      given: flags.confirm,
      what: account.what,
      ask: this.mayAsk(flags),
      command: `vectabase users ${account.command}${targetWords(flags)}`,
    });
  }

  /** From a file, a pipe or a prompt; the line end that echo and editors add is not part of it. */
  protected async password(
    flags: Common & { readonly 'from-file': string | undefined },
  ): Promise<{ readonly password: string; readonly minLength: number }> {
    const { loadSettings } = await import('../foundation/config/settings.ts');
    const minLength = loadSettings({ dir: flags.dir }).settings.auth.passwordMinLength;
    const from = { file: flags['from-file'], ask: this.mayAsk(flags), question: 'new password' };
    return { password: (await readValue(from)).toString('utf8').replace(/\r?\n$/, ''), minLength };
  }
}

import { Args, Flags } from '@oclif/core';
import { passwordFlag, UsersCommand } from '../../cli/users-command.ts';
import type { Account } from '../../operator/users/accounts.ts';

export default class UsersCreate extends UsersCommand<Account> {
  static override summary = 'make an account: its password from a pipe, a file or a prompt';
  static override description =
    'The address counts as confirmed unless --unconfirmed is given. No letter is sent; to let people choose a password by themselves, send them a link with the admin API (invite).';
  static override examples = [
    '<%= config.bin %> users create ann@example.com',
    'pass show ann | <%= config.bin %> users create ann@example.com',
    '<%= config.bin %> users create ann@example.com --no-password',
  ];
  static override args = { email: Args.string({ ignoreStdin: true, description: 'ann@example.com', required: true }) };
  static override flags = {
    ...passwordFlag,
    'no-password': Flags.boolean({
      summary: 'for one that signs in by mail or by a provider',
      exclusive: ['from-file'],
    }),
    unconfirmed: Flags.boolean({ summary: 'the address is still to be confirmed by its owner' }),
  };

  async run(): Promise<Account> {
    const { args, flags } = await this.parse(UsersCreate);
    const { locateUsers } = await import('../../operator/users/accounts.ts');
    const { createUser } = await import('../../operator/users/change.ts');
    const chosen = flags['no-password'] ? { password: undefined, minLength: 0 } : await this.password(flags);
    const wanted = { email: args.email, confirmed: !flags.unconfirmed, ...chosen };
    const account = await createUser(await locateUsers(flags), wanted);
    this.print(`${account.email ?? ''} has an account, ${account.id}\n`);
    return account;
  }
}

import { confirmFlag, UsersCommand, WHO } from '../../cli/users-command.ts';
import { count } from '../../foundation/core/numbers.ts';
import type { Changed } from '../../operator/users/change.ts';

interface Result extends Changed {
  readonly factors: number;
}

export default class UsersUnlockMfa extends UsersCommand<Result> {
  static override summary = 'take the second factors off an account whose owner lost them';
  static override description =
    'Make sure of who asks: from then on the password alone opens the account. Asks for the address, or takes --confirm EMAIL.';
  static override examples = ['<%= config.bin %> users unlock-mfa ann@example.com'];
  static override args = WHO;
  static override flags = confirmFlag;

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(UsersUnlockMfa);
    const { unlockMfa } = await import('../../operator/users/change.ts');
    const { findAccount, locateUsers, nameOf, withUsers } = await import('../../operator/users/accounts.ts');
    const target = await locateUsers(flags);
    const account = await withUsers(target, (session) => findAccount(session, args.who));
    const name = nameOf(account);
    const what = `this takes the second factors off ${name}: the password alone opens the account then`;
    await this.confirmed(flags, { name, what, command: `unlock-mfa ${args.who}` });
    const changed = await unlockMfa(target, account.id);
    this.print(`${name}: ${count(changed.factors, 'second factor')} taken off\n`);
    return changed;
  }
}

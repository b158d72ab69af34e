import { confirmFlag, UsersCommand, WHO } from '../../cli/users-command.ts';
import type { Changed } from '../../operator/users/change.ts';

export default class UsersDelete extends UsersCommand<Changed> {
  static override summary = 'delete an account, and what hangs on it';
  static override description =
    'Rows that reference the account follow as their foreign keys say: most go with it. Asks for the address, or takes --confirm EMAIL.';
  static override examples = [
    '<%= config.bin %> users delete ann@example.com',
    '<%= config.bin %> users delete ann@example.com --confirm ann@example.com',
  ];
  static override args = WHO;
  static override flags = confirmFlag;

  async run(): Promise<Changed> {
    const { args, flags } = await this.parse(UsersDelete);
    const { deleteUser } = await import('../../operator/users/change.ts');
    const { findAccount, locateUsers, nameOf, withUsers } = await import('../../operator/users/accounts.ts');
    const target = await locateUsers(flags);
    const account = await withUsers(target, (session) => findAccount(session, args.who));
    const name = nameOf(account);
    const what = `this deletes the account ${name} and the rows that hang on it; only a backup brings them back`;
    await this.confirmed(flags, { name, what, command: `delete ${args.who}` });
    const changed = await deleteUser(target, account.id);
    this.print(`${name} is deleted\n`);
    return changed;
  }
}

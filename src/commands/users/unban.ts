import { UsersCommand, WHO } from '../../cli/users-command.ts';
import type { Changed } from '../../operator/users/change.ts';

export default class UsersUnban extends UsersCommand<Changed> {
  static override summary = 'let a banned account sign in again';
  static override examples = ['<%= config.bin %> users unban ann@example.com'];
  static override args = WHO;

  async run(): Promise<Changed> {
    const { args, flags } = await this.parse(UsersUnban);
    const { unbanUser } = await import('../../operator/users/change.ts');
    const { locateUsers, nameOf } = await import('../../operator/users/accounts.ts');
    const changed = await unbanUser(await locateUsers(flags), args.who);
    this.print(`${nameOf(changed.account)} may sign in again\n`);
    return changed;
  }
}

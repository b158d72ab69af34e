import { passwordFlag, UsersCommand, WHO } from '../../cli/users-command.ts';
import { count } from '../../foundation/core/numbers.ts';
import type { Changed } from '../../operator/users/change.ts';

export default class UsersSetPassword extends UsersCommand<Changed> {
  static override summary = 'give an account another password, and sign it out everywhere';
  static override description =
    'The password comes from a pipe, a file or a prompt: on the command line it would stay in the history of the shell and in the process list.';
  static override examples = [
    '<%= config.bin %> users set-password ann@example.com',
    'pass generate -n ann 20 | <%= config.bin %> users set-password ann@example.com',
  ];
  static override args = WHO;
  static override flags = passwordFlag;

  async run(): Promise<Changed> {
    const { args, flags } = await this.parse(UsersSetPassword);
    const { setPassword } = await import('../../operator/users/change.ts');
    const { findAccount, locateUsers, nameOf, withUsers } = await import('../../operator/users/accounts.ts');
    const target = await locateUsers(flags);
    // Before anybody types a password for an account that is not there.
    const { id } = await withUsers(target, (session) => findAccount(session, args.who));
    const changed = await setPassword(target, id, await this.password(flags));
    this.print(`${nameOf(changed.account)} has a new password; ended: ${count(changed.sessionsEnded, 'login')}\n`);
    return changed;
  }
}

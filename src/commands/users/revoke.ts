import { Flags } from '@oclif/core';
import { UsersCommand, WHO } from '../../cli/users-command.ts';
import { count } from '../../foundation/core/numbers.ts';
import type { Changed } from '../../operator/users/change.ts';

export default class UsersRevoke extends UsersCommand<Changed> {
  static override summary = 'sign an account out, everywhere or at one place';
  static override examples = [
    '<%= config.bin %> users revoke ann@example.com',
    '<%= config.bin %> users revoke ann@example.com --session 7d9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e7f',
  ];
  static override args = WHO;
  static override flags = {
    session: Flags.string({ summary: 'only this one, as users sessions shows it', helpValue: 'ID' }),
  };

  async run(): Promise<Changed> {
    const { args, flags } = await this.parse(UsersRevoke);
    const { revokeSessions } = await import('../../operator/users/change.ts');
    const { locateUsers, nameOf } = await import('../../operator/users/accounts.ts');
    const changed = await revokeSessions(await locateUsers(flags), args.who, flags.session);
    this.print(`${nameOf(changed.account)}: ended ${count(changed.sessionsEnded, 'login')}\n`);
    return changed;
  }
}

import { spanFlag } from '../../cli/keys-flags.ts';
import { UsersCommand, WHO } from '../../cli/users-command.ts';
import { count, instant } from '../../foundation/core/numbers.ts';
import type { Changed } from '../../operator/users/change.ts';

interface Result extends Changed {
  /** ISO 8601. */
  readonly bannedUntil: string;
}

/** A hundred years. */
const FOR_GOOD = 36_525 * 86_400_000;

export default class UsersBan extends UsersCommand<Result> {
  static override summary = 'refuse sign-ins of an account, and end its logins';
  static override description =
    'Access tokens that are out go on at the REST API until they expire, an hour at most with the usual setting.';
  static override examples = [
    '<%= config.bin %> users ban ann@example.com',
    '<%= config.bin %> users ban ann@example.com --for 7d',
  ];
  static override args = WHO;
  static override flags = { for: spanFlag({ summary: 'how long [default: for good]' }) };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(UsersBan);
    const { banUser } = await import('../../operator/users/change.ts');
    const { locateUsers, nameOf } = await import('../../operator/users/accounts.ts');
    const bannedUntil = new Date(Date.now() + (flags.for ?? FOR_GOOD)).toISOString();
    const changed = await banUser(await locateUsers(flags), args.who, bannedUntil);
    const ended = count(changed.sessionsEnded, 'login');
    const until = flags.for === undefined ? 'for good' : `until ${instant(bannedUntil)}`;
    this.print(`${nameOf(changed.account)} is banned ${until}; ended: ${ended}\n`);
    return { ...changed, bannedUntil };
  }
}

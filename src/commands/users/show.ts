import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { UsersCommand, WHO } from '../../cli/users-command.ts';
import { instant } from '../../foundation/core/numbers.ts';
import type { ShownUser } from '../../operator/users/show.ts';

export default class UsersShow extends UsersCommand<ShownUser> {
  static override summary = 'all that is known of one account; never its password';
  static override examples = ['<%= config.bin %> users show ann@example.com'];
  static override args = WHO;

  async run(): Promise<ShownUser> {
    const { args, flags } = await this.parse(UsersShow);
    const { locateUsers } = await import('../../operator/users/accounts.ts');
    const { showUser } = await import('../../operator/users/show.ts');
    const user = await showUser(await locateUsers(flags), args.who);
    this.print(shown(user));
    return user;
  }
}

function shown(user: ShownUser): string {
  const style = paint(process.stdout);
  const when = (text: string | null): string => (text === null ? 'never' : instant(text));
  const facts = [
    ['account', user.email ?? user.phone ?? '-'],
    ['id', user.id],
    ['status', user.bannedUntil === null ? user.status : `${user.status} until ${instant(user.bannedUntil)}`],
    ['role', user.role ?? '-'],
    ['signs in with', user.providers.join(', ') || '-'],
    ['password', user.password ?? 'none'],
    ['second factors', user.factors.map(({ type, status }) => `${type} (${status})`).join(', ') || 'none'],
    ['made', when(user.createdAt)],
    ['last sign-in', when(user.lastSignInAt)],
    ['logins', String(user.sessions)],
    ['user_metadata', JSON.stringify(user.userMetadata)],
    ['app_metadata', JSON.stringify(user.appMetadata)],
  ];
  const events = user.events.map(({ at, action, ip }) => [instant(at), action, ip]);
  const log = events.length === 0 ? '' : `\n${table(['lately', 'event', 'from'], events, style)}\n`;
  return `${table(['', ''], facts, style).trimStart()}\n${log}`;
}

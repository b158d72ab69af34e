import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { formatAgo } from '../../cli/render/units.ts';
import { UsersCommand, WHO } from '../../cli/users-command.ts';
import type { ShownSession } from '../../operator/users/show.ts';

interface Result {
  readonly sessions: readonly ShownSession[];
}

export default class UsersSessions extends UsersCommand<Result> {
  static override summary = 'where an account is signed in';
  static override examples = ['<%= config.bin %> users sessions ann@example.com'];
  static override args = WHO;

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(UsersSessions);
    const { locateUsers } = await import('../../operator/users/accounts.ts');
    const { showSessions } = await import('../../operator/users/show.ts');
    const sessions = await showSessions(await locateUsers(flags), args.who);
    this.print(shown(sessions));
    return { sessions };
  }
}

function shown(sessions: readonly ShownSession[]): string {
  if (sessions.length === 0) return 'signed in nowhere\n';
  const ago = (text: string | null): string => (text === null ? '?' : formatAgo(Date.now() - Date.parse(text)));
  const rows = sessions.map(({ id, createdAt, lastUsedAt, ip, userAgent, aal }) => [
    ago(createdAt),
    ago(lastUsedAt),
    ip ?? '-',
    aal ?? '-',
    (userAgent ?? '-').slice(0, 60),
    id,
  ]);
  return `${table(['since', 'last used', 'from', 'level', 'with', 'id'], rows, paint(process.stdout))}\n`;
}

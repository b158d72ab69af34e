import { Flags } from '@oclif/core';
import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { formatAge, formatAgo } from '../../cli/render/units.ts';
import { UsersCommand } from '../../cli/users-command.ts';
import { count } from '../../foundation/core/numbers.ts';
import type { UserList } from '../../operator/users/list.ts';

export default class UsersList extends UsersCommand<UserList> {
  static override summary = 'list accounts, newest first';
  static override examples = [
    '<%= config.bin %> users list',
    '<%= config.bin %> users list --filter @example.com --limit 200 --json',
  ];
  static override flags = {
    filter: Flags.string({ summary: 'part of an address, a phone number or a name', default: '', helpValue: 'TEXT' }),
    limit: Flags.integer({ summary: 'how many to show', default: 50, min: 1, max: 10_000, helpValue: 'N' }),
    page: Flags.integer({ summary: 'which page of so many', default: 1, min: 1, helpValue: 'N' }),
  };

  async run(): Promise<UserList> {
    const { flags } = await this.parse(UsersList);
    const { locateUsers } = await import('../../operator/users/accounts.ts');
    const { listUsers } = await import('../../operator/users/list.ts');
    const { filter, limit, page } = flags;
    const result = await listUsers(await locateUsers(flags), { filter, limit, page });
    this.print(shown(result, page, limit));
    return result;
  }
}

function shown({ users, total }: UserList, page: number, limit: number): string {
  const style = paint(process.stdout);
  const now = Date.now();
  const rows = users.map((user) => [
    user.email ?? user.phone ?? '-',
    user.status,
    user.providers.join(', ') || '-',
    user.createdAt === null ? '?' : formatAge(now - Date.parse(user.createdAt)),
    user.lastSignInAt === null ? 'never' : formatAgo(now - Date.parse(user.lastSignInAt)),
    String(user.sessions),
    user.id,
  ]);
  const more = page * limit < total ? `; the next page: --page ${page + 1}` : '';
  const head = ['account', 'status', 'signs in with', 'age', 'last sign-in', 'logins', 'id'];
  return `${rows.length === 0 ? '' : `${table(head, rows, style)}\n`}${style.dim(`${count(total, 'account')}${more}`)}\n`;
}

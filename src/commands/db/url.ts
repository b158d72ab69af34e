import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { OwnerUrl } from '../../operator/keys/owner-url.ts';

export default class DbUrl extends BaseCommand<OwnerUrl> {
  static override summary = 'print the connection string for programs of your own';
  static override description =
    'As role postgres, with TLS that verifies the server. On an installed machine --pooler leads through PgBouncer, in transaction mode: for programs that open many connections. The password is left out unless asked for.';
  static override examples = [
    '<%= config.bin %> db url',
    'psql "$(<%= config.bin %> db url --password)"',
    '<%= config.bin %> db url --pooler --password > /run/bot/database-url',
  ];
  static override flags = {
    pooler: Flags.boolean({ summary: 'through PgBouncer' }),
    password: Flags.boolean({ summary: 'with the password in it' }),
  };

  async run(): Promise<OwnerUrl> {
    const { flags } = await this.parse(DbUrl);
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const { ownerUrl } = await import('../../operator/keys/owner-url.ts');
    const result = ownerUrl(await readRunningInstallation(flags.dir), flags);
    this.print(`${result.url}\n`);
    return result;
  }
}

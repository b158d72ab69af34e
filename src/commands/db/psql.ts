import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { exitCodeOf, splitWords } from '../../cli/stand-in.ts';

export default class DbPsql extends BaseCommand<void> {
  static override enableJsonFlag = false;
  static override stopSignals = [];
  static override summary = 'open psql on the database';
  static override description =
    'As role postgres, which owns the tables; its password is not in the command line of psql. What stands behind -- is for psql. Exit code, signals and terminal are its own.';
  static override examples = [
    '<%= config.bin %> db psql',
    `<%= config.bin %> db psql -- --csv -c 'select * from public.sales'`,
    '<%= config.bin %> db psql --superuser -- -f maintenance.sql',
  ];
  static override usage = 'db psql [--superuser] [-- ARGUMENT...]';
  static override flags = {
    ...targetFlags,
    superuser: Flags.boolean({ summary: 'as the superuser supabase_admin', exclusive: ['target-file'] }),
  };

  async run(): Promise<void> {
    const { own, behind = [] } = splitWords(this.argv);
    const { flags } = await this.parse(DbPsql, own);
    const { resolveForeignTarget } = await import('../../foundation/postgres/locate.ts');
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const { runPsql } = await import('../../operator/database/psql.ts');
    let target = flags.superuser ? undefined : await resolveForeignTarget(flags['target-file']);
    if (target === undefined) {
      const { adminAddress, ownerAddress } = await readRunningInstallation(flags.dir);
      target = flags.superuser ? adminAddress : ownerAddress;
    }
    this.exit(await exitCodeOf(await runPsql(target, behind)));
  }
}

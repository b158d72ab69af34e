import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { paint } from '../../cli/render/paint.ts';
import type { SlowReport } from '../../operator/database/slow.ts';

export default class DbSlow extends BaseCommand<SlowReport> {
  static override summary = 'show the queries that take longest';
  static override description =
    'From pg_stat_statements where the server keeps it, else from the log, where vectabase up writes every statement over 100 ms. Never with the values that were asked for.';
  static override examples = ['<%= config.bin %> db slow', '<%= config.bin %> db slow --over 500 --limit 5 --json'];
  static override flags = {
    ...targetFlags,
    over: Flags.integer({
      summary: 'milliseconds that a query took at least once',
      default: 100,
      min: 0,
      helpValue: 'MS',
    }),
    limit: Flags.integer({ summary: 'how many to show', default: 20, min: 1, helpValue: 'N' }),
    from: Flags.option({
      summary: 'where to look',
      options: ['auto', 'statements', 'log'] as const,
      default: 'auto',
    })(),
  };

  async run(): Promise<SlowReport> {
    const { flags } = await this.parse(DbSlow);
    const { locateTarget, resolveForeignTarget } = await import('../../foundation/postgres/locate.ts');
    const { slowQueries } = await import('../../operator/database/slow.ts');
    const { logFileOf } = await import('../../operator/database/slow-log.ts');
    const { renderSlow } = await import('../../operator/database/slow-text.ts');
    const foreign = await resolveForeignTarget(flags['target-file']);
    const report = await slowQueries({
      target: foreign ?? (await locateTarget(flags.dir, undefined)),
      overMs: flags.over,
      limit: flags.limit,
      from: flags.from,
      logFile: foreign === undefined ? await logFileOf(flags.dir) : undefined,
    });
    this.print(renderSlow(report, paint(process.stdout)));
    return report;
  }
}

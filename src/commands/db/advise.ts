import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { paint } from '../../cli/render/paint.ts';
import type { Advice, AdviceReport, DatabaseObservation, SpareIndex } from '../../operator/database/model.ts';
import type { UndoReport } from '../../operator/database/undo.ts';

export default class DbAdvise extends BaseCommand<Advice | AdviceReport | UndoReport> {
  static override summary = 'find indexes that are missing, broken or spare, and build them without blocking anyone';
  static override description = `Wants an index on every foreign key and on the columns that advise.columns names, and rebuilds those that a killed build left INVALID.
Built CONCURRENTLY, one after the other; stopped at any point, the same command goes on. An index that nobody needs is told, and dropped only when asked.
New indexes are called as Postgres would call them: TABLE_COLUMNS_idx. Exits 6 while something is missing.`;
  static override examples = [
    '<%= config.bin %> db advise',
    '<%= config.bin %> db advise --apply',
    '<%= config.bin %> db advise --apply --drop-duplicates --dry-run',
    '<%= config.bin %> db advise --undo',
  ];
  static override flags = {
    ...targetFlags,
    apply: Flags.boolean({ summary: 'build what is missing', default: false }),
    'dry-run': Flags.boolean({ summary: 'with --apply: print the plan and stop', default: false }),
    'drop-duplicates': Flags.boolean({ summary: 'drop indexes that do what another one does', default: false }),
    'drop-unused': Flags.boolean({ summary: 'drop indexes that no query used for a week or longer', default: false }),
    undo: Flags.boolean({
      summary: 'take back what --apply did',
      default: false,
      exclusive: ['apply', 'drop-duplicates', 'drop-unused'],
    }),
  };

  async run(): Promise<Advice | AdviceReport | UndoReport> {
    const { flags } = await this.parse(DbAdvise);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { adviseIndexes, applyAdvice, undoAppliedAdvice } = await import('../../operator/database/run.ts');
    const { renderAdvice, renderApplied, renderUndone } = await import('../../operator/database/advise-text.ts');
    const { adviseWords, indexesAdvised, indexesFailed } = await import('../../operator/database/words.ts');
    const input = {
      target: await locateTarget(flags.dir, flags['target-file']),
      columns: loadSettings({ dir: flags.dir }).settings.advise.columns,
    };
    const words = adviseWords(flags);
    const style = paint(process.stdout);
    if (flags.undo) {
      const report = await undoAppliedAdvice(input.target, this.context<DatabaseObservation>());
      this.closeRenderer();
      this.print(renderUndone(report, style));
      if (report.undone.some(({ done }) => !done)) this.finishWith(report, indexesFailed(report.undone));
      return report;
    }
    const drops = new Set<SpareIndex['why']>([
      ...(flags['drop-duplicates'] ? (['duplicate'] as const) : []),
      ...(flags['drop-unused'] ? (['unused'] as const) : []),
    ]);
    if (flags.apply && !flags['dry-run']) {
      const report = await applyAdvice(input, drops, this.context<DatabaseObservation>());
      this.closeRenderer();
      this.print(renderApplied(report, words, style));
      if (report.applied?.some(({ done }) => !done)) this.finishWith(report, indexesFailed(report.applied));
      return report;
    }
    const advice = await adviseIndexes(input);
    this.print(renderAdvice(advice, drops, words, style));
    if (!flags.apply && advice.wanted.length > 0) this.finishWith(advice, indexesAdvised(advice, words));
    return advice;
  }
}

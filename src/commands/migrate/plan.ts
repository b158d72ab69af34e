import { BaseCommand } from '../../cli/base-command.ts';
import { choiceFlags, endFlags } from '../../cli/migrate-flags.ts';
import { secretAsker } from '../../cli/prompts.ts';
import { paint } from '../../cli/render/paint.ts';
import type { MigrateObservation } from '../../operator/migrate/observations.ts';
import type { PlanReport } from '../../operator/migrate/show-plan.ts';

export default class MigratePlan extends BaseCommand<PlanReport> {
  static override summary = 'show what a migration would do, what stands in its way, and what will not come along';
  static override description =
    'Reads only, on both sides. Exits 5 when there is a blocker; each one comes with its fix.';
  static override examples = [
    'VECTABASE_SOURCE_URL=… <%= config.bin %> migrate plan',
    '<%= config.bin %> migrate plan --source-file source.url --json',
  ];
  static override flags = { ...endFlags, ...choiceFlags };

  async run(): Promise<PlanReport> {
    const { flags } = await this.parse(MigratePlan);
    const { locateEnds, targetFreeBytes } = await import('../../operator/migrate/ends/locate.ts');
    const { blocked } = await import('../../operator/migrate/errors.ts');
    const { showPlan } = await import('../../operator/migrate/show-plan.ts');
    const { renderPlan } = await import('../../operator/migrate/render/plan-text.ts');
    const { toChoices } = await import('../../operator/migrate/choices.ts');
    const { commandWords } = await import('../../operator/migrate/render/words.ts');

    const ends = await locateEnds(flags, {
      ask: secretAsker(this.mayAsk(flags), 'connection string of the source'),
      warn: (text) => this.say(text),
    });
    const plan = await showPlan(
      { ends, choices: toChoices(flags), targetFreeBytes: await targetFreeBytes(flags.dir, flags['target-file']) },
      this.context<MigrateObservation>(),
    );
    this.closeRenderer();
    this.print(renderPlan(plan, commandWords(flags), paint(process.stdout)));
    const blockers = plan.findings.filter(({ level }) => level === 'blocker');
    if (blockers.length > 0) this.finishWith(plan, blocked(blockers));
    return plan;
  }
}

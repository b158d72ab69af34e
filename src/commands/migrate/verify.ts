import { BaseCommand } from '../../cli/base-command.ts';
import { choiceFlags, endFlags } from '../../cli/migrate-flags.ts';
import { secretAsker } from '../../cli/prompts.ts';
import { paint } from '../../cli/render/paint.ts';
import type { MigrateObservation } from '../../operator/migrate/observations.ts';
import type { MigrationReport } from '../../operator/migrate/report.ts';

export default class MigrateVerify extends BaseCommand<MigrationReport> {
  static override summary = 'compare source and target as they are now: every row, every object';
  static override description =
    'Changes nothing on either side. Exits 6 and names the table when a single bit differs.';
  static override examples = ['VECTABASE_SOURCE_URL=… <%= config.bin %> migrate verify'];
  static override flags = { ...endFlags, jobs: choiceFlags.jobs };

  async run(): Promise<MigrationReport> {
    const { flags } = await this.parse(MigrateVerify);
    const { locateEnds } = await import('../../operator/migrate/ends/locate.ts');
    const { verifyMigration } = await import('../../operator/migrate/verify-again.ts');
    const { differences } = await import('../../operator/migrate/errors.ts');
    const { saveReport } = await import('../../operator/migrate/render/save-report.ts');
    const { commandWords } = await import('../../operator/migrate/render/words.ts');
    const { renderReport } = await import('../../operator/migrate/render/report-text.ts');

    const ends = await locateEnds(flags, {
      ask: secretAsker(this.mayAsk(flags), 'connection string of the source'),
      warn: (text) => this.say(text),
    });
    const words = commandWords(flags);
    const { installationPaths } = await import('../../foundation/config/directory.ts');
    const { findMasterKey } = await import('../../foundation/encryption/master-key.ts');
    const masterKey = (await findMasterKey(installationPaths(flags.dir).masterKey))?.key;
    const input = { ends, jobs: flags.jobs ?? 2, words, masterKey };
    const report = await verifyMigration(input, this.context<MigrateObservation>());
    this.closeRenderer();
    const files = await saveReport(flags.dir, report, words);
    if (!this.jsonEnabled()) {
      this.print(renderReport(report, files, { style: paint(process.stdout), words }));
    }
    if (report.outcome === 'differences') this.finishWith(report, differences(report, words));
    return report;
  }
}

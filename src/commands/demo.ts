import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import type { DemoObservation, DemoReady, DemoReport } from '../operator/demo/run.ts';
import type { MigrationReport } from '../operator/migrate/report.ts';

export default class Demo extends BaseCommand<DemoReport> {
  static override summary = 'try all of it on this machine: build a project, move it, kill the move, resume, prove it';
  static override description = `Builds a source that is shaped like a hosted Supabase project (60 tables of a marketplace, users, policies, triggers), starts an own
installation, and moves the one into the other by the same commands that you would type, with a kill -9 in the middle.
Needs nothing but this package; uses a directory of its own and free ports.`;
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo --rows 1000000 --keep'];
  static override flags = {
    dir: Flags.string({
      summary: 'where the demo lives; emptied first',
      default: '.vectabase/demo',
      helpValue: 'PATH',
    }),
    rows: Flags.integer({
      summary: 'rows in the source, 5,000 to 5,000,000',
      default: 100_000,
      min: 5000,
      max: 5_000_000,
    }),
    keep: Flags.boolean({ summary: 'leave source and installation running until Ctrl-C', default: false }),
  };

  async run(): Promise<DemoReport> {
    const { flags } = await this.parse(Demo);
    const { runDemo } = await import('../operator/demo/run.ts');
    const { renderDemo } = await import('../operator/demo/text.ts');
    const { renderReport } = await import('../operator/migrate/render/report-text.ts');
    const ctx = this.context<DemoObservation>();
    const report = await runDemo(
      {
        dir: flags.dir,
        rows: flags.rows,
        whileRunning: flags.keep
          ? async (ready) => {
              this.closeRenderer();
              this.say(stillRunning(ready));
              await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve, { once: true }));
            }
          : undefined,
      },
      ctx,
    );
    this.closeRenderer();
    this.print(`${renderReport(report.migration as unknown as MigrationReport)}\n${renderDemo(report)}`);
    return report;
  }
}

/** No password, as `up` shows none. */
function stillRunning({ apiUrl, databaseUrl, keysFile, sourceUrl, sourceFile }: DemoReady): string {
  return [
    'Still running until Ctrl-C:',
    `  API        ${apiUrl}`,
    `  Postgres   ${databaseUrl}`,
    `  secrets    service key and passwords in ${keysFile}`,
    `  source     ${sourceUrl}`,
    `             with its password in ${sourceFile}, for --source-file`,
  ].join('\n');
}

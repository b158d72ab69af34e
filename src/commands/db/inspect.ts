import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { paint } from '../../cli/render/paint.ts';
import { INSPECT_REPORTS } from '../../operator/database/inspect-reports.ts';
import type { InspectResult } from '../../operator/database/inspect.ts';

interface ReportList {
  readonly reports: ReadonlyArray<{ readonly name: string; readonly title: string }>;
}

const WIDTH = Math.max(...INSPECT_REPORTS.map(({ name }) => name.length));

export default class DbInspect extends BaseCommand<InspectResult | readonly InspectResult[] | ReportList> {
  static override summary = 'look inside a database: sizes, locks, indexes, statements';
  static override description = [
    'Works with any Postgres, reads only, and shows statements without the values in them. Without a name it lists what there is. `report` answers every question. The reports:',
    ...INSPECT_REPORTS.map(({ name, title }) => `${name.padEnd(WIDTH)}  ${title}`),
  ].join('\n');
  static override examples = [
    '<%= config.bin %> db inspect db-stats',
    '<%= config.bin %> db inspect outliers --json',
    '<%= config.bin %> db inspect report > report.txt',
  ];
  static override args = {
    report: Args.string({
      ignoreStdin: true,
      description: 'what to show',
      options: ['report', ...INSPECT_REPORTS.map(({ name }) => name)],
    }),
  };
  static override flags = { ...targetFlags };

  async run(): Promise<InspectResult | readonly InspectResult[] | ReportList> {
    const { args, flags } = await this.parse(DbInspect);
    if (args.report === undefined) return this.#list();
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { inspectDatabase, noStatements } = await import('../../operator/database/inspect.ts');
    const { renderInspect } = await import('../../operator/database/inspect-text.ts');
    const target = await locateTarget(flags.dir, flags['target-file']);
    const all = args.report === 'report';
    const reports = INSPECT_REPORTS.filter(({ name }) => all || name === args.report);
    const results = await inspectDatabase(target, reports);
    const [first] = results;
    if (!all && first?.rows === null) throw noStatements(first.database);
    for (const [index, report] of reports.entries()) {
      const result = results[index];
      if (result !== undefined) this.print(`${renderInspect(report, result, paint(process.stdout))}\n`);
    }
    return all || first === undefined ? results : first;
  }

  #list(): ReportList {
    const lines = INSPECT_REPORTS.map(({ name, title }) => `  ${name.padEnd(WIDTH)}  ${title}\n`);
    this.print(`${lines.join('')}\nOne of them: vectabase db inspect NAME; all of them: vectabase db inspect report\n`);
    return { reports: INSPECT_REPORTS.map(({ name, title }) => ({ name, title })) };
  }
}

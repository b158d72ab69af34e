import path from 'node:path';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { confirmByName } from '../../cli/prompts.ts';
import { paint } from '../../cli/render/paint.ts';
import type { MendReport, UndoReport } from '../../operator/audit/mend.ts';
import type { AuditReport } from '../../operator/audit/model.ts';

type Result = AuditReport | MendReport | UndoReport;

export default class AuditPolicies extends BaseCommand<Result> {
  static override summary = 'find what strangers can read or write: policies, grants, functions, views';
  static override description = `Looks at everything that the API serves as anon and authenticated would: row policies and the tricks in them, grants of tables and columns, definer functions, views with their owner's rights, published tables. Sensitive columns first.
Each finding comes with what it rests on and a fix that keeps the application working. Reads only; --prove tries each finding in a transaction that is rolled back. Exits 6 with findings.
--apply writes the fixes as a pair of scripts, up and down, and applies them; --undo takes the newest one back.`;
  static override examples = [
    '<%= config.bin %> audit policies',
    '<%= config.bin %> audit policies --prove --json',
    '<%= config.bin %> audit policies --apply --only "read:public.*"',
    '<%= config.bin %> audit policies --undo --confirm postgres',
  ];
  static override flags = {
    ...targetFlags,
    prove: Flags.boolean({ summary: 'try each finding, and roll back', default: false }),
    apply: Flags.boolean({
      summary: 'mend what is critical or high, with a way back',
      default: false,
      exclusive: ['undo'],
    }),
    'dry-run': Flags.boolean({
      summary: 'with --apply: print the script and stop',
      default: false,
      dependsOn: ['apply'],
    }),
    severity: Flags.option({
      summary: 'with --apply: mend findings of this severity and graver',
      options: ['critical', 'high', 'medium', 'low'] as const,
      default: 'high',
    })(),
    only: Flags.string({
      summary: 'with --apply: these findings, by id, whatever their severity',
      multiple: true,
      helpValue: 'ID',
    }),
    except: Flags.string({ summary: 'with --apply: not these findings', multiple: true, helpValue: 'ID' }),
    out: Flags.string({ summary: 'where the scripts go [default: audit/ in --dir]', helpValue: 'FOLDER' }),
    undo: Flags.boolean({ summary: 'take the newest applied fixes back', default: false }),
    confirm: Flags.string({ summary: 'name of the database, in place of the prompt', helpValue: 'NAME' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(AuditPolicies);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { auditInput } = await import('../../operator/audit/input.ts');
    const { auditPolicies } = await import('../../operator/audit/run.ts');
    const { makeMigration } = await import('../../operator/audit/migration.ts');
    const { mendFindings, plannedMending, undoMending } = await import('../../operator/audit/mend.ts');
    const { renderApplied, renderAudit } = await import('../../operator/audit/text.ts');
    const { auditFindings, auditWords, notMended } = await import('../../operator/audit/words.ts');

    const target = await locateTarget(flags.dir, flags['target-file']);
    const words = auditWords(flags);
    const style = paint(process.stdout);
    const confirm = async (what: string, command: string): Promise<void> =>
      confirmByName({
        name: target.database,
        given: flags.confirm,
        what,
        ask: this.mayAsk(flags),
        command,
      });
    if (flags.undo) {
      await confirm(
        `this opens again what the last audit closed in database ${target.database} of ${target.host}`,
        words.undo,
      );
      const report = await undoMending(target);
      this.print(`\n  ✓ ${report.migration} taken back; open again: ${report.reopened.join(', ')}\n\n`);
      return report;
    }
    const input = auditInput(flags.dir, target, flags.prove);
    const report = await auditPolicies(input);
    if (!flags.apply) {
      this.print(renderAudit(report, words, style));
      if (report.findings.length > 0) this.finishWith(report, auditFindings(report, words));
      return report;
    }
    const findings = plannedMending(report, {
      severity: flags.severity,
      only: flags.only ?? [],
      except: flags.except ?? [],
    });
    const { clock } = this.context();
    if (flags['dry-run']) {
      this.print(makeMigration(findings, clock.now()).up);
      return { ...report, findings };
    }
    if (findings.length > 0) {
      await confirm(
        `this closes ${findings.length} finding${findings.length === 1 ? '' : 's'} in database ${target.database} of ${target.host} (--dry-run shows how)`,
        words.apply,
      );
    }
    const mended = await mendFindings(input, findings, flags.out ?? path.join(flags.dir, 'audit'), { clock });
    this.print(renderApplied(mended, words, style));
    if (mended.left.length > 0) this.finishWith(mended, notMended(mended.left));
    return mended;
  }
}

import { BaseCommand } from '../../cli/base-command.ts';
import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import type { VectabaseError } from '../../foundation/core/errors.ts';
import type { VolumeReport } from '../../foundation/volume/check.ts';
import type { Finding } from '../../foundation/volume/proof.ts';

export default class VolumeStatus extends BaseCommand<VolumeReport> {
  static override summary = 'prove that everything Postgres writes is encrypted on disk';
  static override description =
    'Follows each directory, link, tablespace and mount down to the disks, and asks about swap, core dumps and the key. Postgres is not started while it fails. Exits 4 when the volume is locked, 5 when something is plaintext.';
  static override examples = ['sudo <%= config.bin %> volume status'];

  async run(): Promise<VolumeReport> {
    await this.parse(VolumeStatus);
    const { checkThisMachine, plaintextWarning, requireEncrypted } = await import('../../foundation/volume/check.ts');
    const report = await checkThisMachine();
    this.print(findingsTable(report.findings));
    try {
      requireEncrypted(report);
    } catch (error) {
      this.finishWith(report, error as VectabaseError);
    }
    const warning = plaintextWarning(report);
    if (warning !== undefined) this.say(warning);
    return report;
  }
}

function findingsTable(findings: readonly Finding[]): string {
  const words = { proved: 'ok', noted: 'note', refused: 'PLAIN' } as const;
  const rows = findings.map(({ level, subject, reason, locked }) => [
    locked === true ? 'LOCKED' : words[level],
    subject,
    reason,
  ]);
  return `${table(['', 'what', 'how'], rows, paint(process.stdout))}\n`;
}

import { BaseCommand } from '../../cli/base-command.ts';
import { encryptionFlags } from '../../cli/encryption-command.ts';
import { paint } from '../../cli/render/paint.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import type { EncryptionPlan } from '../../operator/encryption/model.ts';

export default class EncryptionPlanCommand extends BaseCommand<EncryptionPlan> {
  static override summary = 'show which columns would be encrypted, and what stands in the way';
  static override description =
    'Compares encryption.columns of vectabase.yml with the database. Changes nothing; exits 0 whatever it finds.';
  static override examples = ['<%= config.bin %> encryption plan', '<%= config.bin %> encryption plan --json'];
  static override flags = encryptionFlags;

  async run(): Promise<EncryptionPlan> {
    const { flags } = await this.parse(EncryptionPlanCommand);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { withDatabase } = await import('../../operator/encryption/open.ts');
    const { planEncryption, policyOf } = await import('../../operator/encryption/plan.ts');
    const { renderNext, renderPlan } = await import('../../operator/encryption/text.ts');
    const policy = policyOf(loadSettings({ dir: flags.dir }).settings.encryption.columns);
    const target = await locateTarget(flags.dir, flags['target-file']);
    const plan = await withDatabase(target, false, async (session) => planEncryption(session, policy));
    this.print(renderPlan(plan, paint(process.stdout)) + renderNext(plan, targetWords(flags)));
    return plan;
  }
}

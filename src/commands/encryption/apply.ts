import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { encryptionFlags, linesOf } from '../../cli/encryption-command.ts';
import { paint } from '../../cli/render/paint.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import type { ApplyResult } from '../../operator/encryption/apply.ts';
import type { EncryptionObservation, EncryptionPlan } from '../../operator/encryption/model.ts';

export default class EncryptionApply extends BaseCommand<ApplyResult | EncryptionPlan> {
  static override summary = 'encrypt the columns of the policy, while everybody goes on working';
  static override description = `Writes are encrypted from the first moment, old rows in small batches; stopped at any point, the same command goes on.
At the end each table is rewritten once, which locks it for that moment, and old log is removed, so that no plaintext is left on this disk; --keep-residue leaves that for later.
Older backups, archived log and replicas keep what they hold.`;
  static override examples = [
    '<%= config.bin %> encryption apply --dry-run',
    '<%= config.bin %> encryption apply',
    '<%= config.bin %> encryption apply --pgp-passphrase-file old-passphrases.txt',
  ];
  static override streams = true;
  static override flags = {
    ...encryptionFlags,
    'dry-run': Flags.boolean({ summary: 'print the plan and stop', default: false }),
    'keep-residue': Flags.boolean({
      summary: 'do not rewrite tables and log at the end',
      default: false,
    }),
    'pgp-passphrase-file': Flags.string({
      summary: 'old passphrases of pgp_sym_encrypt, one a line: such values are encrypted anew',
      helpValue: 'FILE',
    }),
    'keep-unopened': Flags.boolean({
      summary: 'encrypt as it stands what no passphrase opens',
      default: false,
    }),
  };

  async run(): Promise<ApplyResult | EncryptionPlan> {
    const { flags } = await this.parse(EncryptionApply);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { requireMasterKey } = await import('../../foundation/encryption/master-key.ts');
    const { encryptByPolicy } = await import('../../operator/encryption/by-policy.ts');
    const { withDatabase } = await import('../../operator/encryption/open.ts');
    const { planEncryption, policyOf } = await import('../../operator/encryption/plan.ts');
    const { renderNext, renderPlan } = await import('../../operator/encryption/text.ts');
    const policy = policyOf(loadSettings({ dir: flags.dir }).settings.encryption.columns);
    const target = await locateTarget(flags.dir, flags['target-file']);
    const where = targetWords(flags);
    const style = paint(process.stdout);
    if (flags['dry-run']) {
      const plan = await withDatabase(target, false, async (session) => planEncryption(session, policy));
      this.print(renderPlan(plan, style) + renderNext(plan, where));
      return plan;
    }
    const { key: masterKey } = await requireMasterKey(flags.dir);
    const passphrases = await linesOf(flags['pgp-passphrase-file'], '--pgp-passphrase-file');
    const result = await encryptByPolicy(
      {
        dir: flags.dir,
        target,
        masterKey,
        pgp: { passphrases, keepUnopened: flags['keep-unopened'] },
        keepResidue: flags['keep-residue'],
      },
      this.context<EncryptionObservation>(),
    );
    this.closeRenderer();
    this.print(renderPlan(result, style) + renderNext(result, where));
    if (!result.clean)
      this.say(`Plaintext may be left in old pages and log: vectabase encryption apply${where} removes it.`);
    this.say('Backups and archived log from before still hold plaintext.');
    return result;
  }
}

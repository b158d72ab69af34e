import { BaseCommand } from '../../cli/base-command.ts';
import { encryptionFlags } from '../../cli/encryption-command.ts';
import { count } from '../../foundation/core/numbers.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import type { EncryptionObservation } from '../../operator/encryption/model.ts';
import type { VerifyResult } from '../../operator/encryption/verify.ts';

export default class EncryptionVerify extends BaseCommand<VerifyResult> {
  static override summary = 'open every encrypted value, and name those that do not open';
  static override description =
    'A value that was changed, or copied from another row or column, does not open. Changes nothing; exits 6 when it finds any, or values that are not encrypted yet.';
  static override examples = ['<%= config.bin %> encryption verify', '<%= config.bin %> encryption verify --json'];
  static override streams = true;
  static override flags = encryptionFlags;

  async run(): Promise<VerifyResult> {
    const { flags } = await this.parse(EncryptionVerify);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { requireMasterKey } = await import('../../foundation/encryption/master-key.ts');
    const { verifyEncryption } = await import('../../operator/encryption/verify.ts');
    const { damagedValues, stillPlain } = await import('../../operator/encryption/words.ts');
    const target = await locateTarget(flags.dir, flags['target-file']);
    const { key: masterKey } = await requireMasterKey(flags.dir);
    const result = await verifyEncryption({ target, masterKey }, this.context<EncryptionObservation>());
    this.closeRenderer();
    const rows = result.damaged.map(({ column, key, why }) => `${column} of row ${key.join(', ')}: ${why}`);
    for (const row of rows) this.print(`${row}\n`);
    if (result.bad > 0) this.finishWith(result, damagedValues(result.bad, rows.slice(0, 20)));
    this.print(`${count(result.values, 'encrypted value')}, all open where they stand\n`);
    if (result.plain.applying + result.plain.undoing > 0)
      this.finishWith(result, stillPlain(result.plain, targetWords(flags)));
    return result;
  }
}

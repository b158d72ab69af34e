import { BaseCommand } from '../../cli/base-command.ts';
import { encryptionFlags } from '../../cli/encryption-command.ts';
import { paint } from '../../cli/render/paint.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import type { EncryptionStatus } from '../../operator/encryption/model.ts';

export default class EncryptionStatusCommand extends BaseCommand<EncryptionStatus> {
  static override summary = 'show what is encrypted, how far, and under which keys';
  static override examples = ['<%= config.bin %> encryption status', '<%= config.bin %> encryption status --json'];
  static override flags = encryptionFlags;

  async run(): Promise<EncryptionStatus> {
    const { flags } = await this.parse(EncryptionStatusCommand);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { encryptionStatus } = await import('../../operator/encryption/status.ts');
    const { renderStatus } = await import('../../operator/encryption/text.ts');
    const status = await encryptionStatus(await locateTarget(flags.dir, flags['target-file']));
    this.print(renderStatus(status, targetWords(flags), paint(process.stdout)));
    return status;
  }
}

import { Args, Flags } from '@oclif/core';
import { BackupCommand, openingFlags } from '../../cli/backup-command.ts';
import { formatBytes } from '../../cli/render/units.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { DecryptReport } from '../../operator/backup/decrypt.ts';

export default class BackupDecrypt extends BackupCommand<DecryptReport> {
  static override summary = 'open one sealed file, with nothing but the file and the key';
  static override description =
    'Writes what is in it to stdout, or to a new file. On stdout, believe nothing before the command has ended with 0. A key that came later than the file opens it by the catalogue of its store, which is read from --from then.';
  static override examples = [
    '<%= config.bin %> backup decrypt globals.sql.vbk --key recovery.key',
    '<%= config.bin %> backup decrypt base.tar.vbk --key recovery.key | tar -t',
    '<%= config.bin %> backup decrypt shop.dump.vbk --key recovery.key --out shop.dump',
  ];
  static override args = {
    file: Args.string({ ignoreStdin: true, required: true, description: 'a .vbk file' }),
  };
  static override flags = {
    key: openingFlags.key,
    out: Flags.string({ summary: 'file to write, which must not exist', helpValue: 'FILE' }),
  };

  async run(): Promise<DecryptReport> {
    const { flags, args } = await this.parse(BackupDecrypt);
    if (this.jsonEnabled() && flags.out === undefined) {
      throw new VectabaseError('USAGE', { message: 'with --json the content needs a file', hint: 'Add --out FILE.' });
    }
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { decryptFile } = await import('../../operator/backup/decrypt.ts');
    const { openIn } = await import('../../operator/backup/opener.ts');
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const opener = openIn(async () => openRepository(await this.place(flags)), await readRecoveryKey(flags.key));
    const sink = flags.out === undefined ? process.stdout : flags.out;
    const report = await decryptFile({ file: args.file, opener, sink }, this.signal);
    const { object, systemId, createdAt, bytes } = report;
    this.say(`${object} of cluster ${systemId}, sealed ${createdAt}: ${formatBytes(bytes)}`);
    return report;
  }
}

import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { encryptionFlags, linesOf } from '../../cli/encryption-command.ts';
import type { EncryptionObservation } from '../../operator/encryption/model.ts';
import type { MasterRotation } from '../../operator/encryption/rotate-master.ts';
import type { RotateResult } from '../../operator/encryption/rotate.ts';

export default class EncryptionRotate extends BaseCommand<RotateResult | MasterRotation> {
  static override summary = 'put a new data key, or a new master key, in the place of the old one';
  static override description = `Without --master every value is encrypted anew, in small batches while everybody goes on working; stopped at any point, the same command goes on.
With --master the stored keys are wrapped anew, at once; no value is touched. The new key is made here, or read from --new-key-file.
A key that VECTABASE_MASTER_KEY brings is changed by you: after the command says so, put the new one there, restart, and run the command once more.`;
  static override examples = [
    '<%= config.bin %> encryption rotate',
    '<%= config.bin %> encryption rotate --master',
    '<%= config.bin %> encryption rotate --master --new-key-file new.key',
  ];
  static override streams = true;
  static override flags = {
    ...encryptionFlags,
    master: Flags.boolean({ summary: 'the master key instead of the data key', default: false }),
    'new-key-file': Flags.string({
      summary: 'file with the new master key, 64 hexadecimal digits',
      helpValue: 'FILE',
      dependsOn: ['master'],
    }),
  };

  async run(): Promise<RotateResult | MasterRotation> {
    const { flags } = await this.parse(EncryptionRotate);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { newKeyFrom, requireMasterKey } = await import('../../foundation/encryption/master-key.ts');
    const target = await locateTarget(flags.dir, flags['target-file']);
    const old = await requireMasterKey(flags.dir);
    if (flags.master) {
      const { rotateMasterKey } = await import('../../operator/encryption/rotate-master.ts');
      const [given] = await linesOf(flags['new-key-file'], '--new-key-file');
      const next = newKeyFrom(given, old);
      const done = await rotateMasterKey({ dir: flags.dir, target, old, next });
      this.print(
        done.pending
          ? `Both master keys open this installation now. Put the new one into ${done.place}, restart, and run the command once more.\n`
          : `${done.place} holds a new master key. Keep a copy of it apart from your backups.\n`,
      );
      return done;
    }
    const { rotateDataKey } = await import('../../operator/encryption/rotate.ts');
    const result = await rotateDataKey({ target, masterKey: old.key }, this.context<EncryptionObservation>());
    this.closeRenderer();
    this.print(`${result.values} values were encrypted anew; all are under data key ${result.keyId}\n`);
    return result;
  }
}

import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { showRecovery } from '../../cli/show-recovery.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';

export default class VolumeRecovery extends BaseCommand<{ readonly recovery: true; readonly file: string | null }> {
  static override summary = 'make a recovery key for the encrypted volume; an earlier one stops working';
  static override description =
    'Shows it once and asks for it back, or writes it to a file that is not there yet. Without it the data is lost when this machine is. Keep it elsewhere: on paper, in a password manager.';
  static override examples = [
    'sudo <%= config.bin %> volume recovery',
    'sudo <%= config.bin %> volume recovery --file /media/stick/recovery.txt',
  ];
  static override flags = {
    file: Flags.string({ summary: 'where to write it, on a disk that leaves this machine', helpValue: 'FILE' }),
  };

  async run(): Promise<{ readonly recovery: true; readonly file: string | null }> {
    const { flags } = await this.parse(VolumeRecovery);
    if (flags.file === undefined && !this.mayAsk(flags)) {
      throw new VectabaseError('USAGE', {
        message: 'the recovery key is shown once and asked for back, and nobody can be asked',
        hint: 'Name a file for it: vectabase volume recovery --file FILE',
      });
    }
    const { makeRecovery, recoverToFile } = await import('../../foundation/volume/recovery.ts');
    const { requireVolume } = await import('../../foundation/volume/volume.ts');
    const state = await requireVolume();
    if (flags.file !== undefined) await recoverToFile(state, flags.file);
    else await showRecovery(await makeRecovery(state), (line) => this.say(line));
    this.print(`The recovery key counts${flags.file === undefined ? '' : `; it is in ${flags.file}`}.\n`);
    return { recovery: true, file: flags.file ?? null };
  }
}

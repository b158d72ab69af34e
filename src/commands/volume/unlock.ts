import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { readValue } from '../../cli/piped-value.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { VolumeState } from '../../foundation/volume/state.ts';
import type { VolumeReport } from '../../foundation/volume/check.ts';

export default class VolumeUnlock extends BaseCommand<VolumeReport> {
  static override summary = 'open the encrypted volume, and prove that the data is on it';
  static override description =
    'What vectabase-volume.service runs at boot, before Postgres. With --recovery it takes the recovery key, typed, piped in or from a file: for a machine whose own key is lost. It is then sealed anew. Where there is no volume of ours it only proves.';
  static override examples = [
    'sudo <%= config.bin %> volume unlock',
    'sudo <%= config.bin %> volume unlock --recovery --from-file recovery.txt',
  ];
  static override flags = {
    recovery: Flags.boolean({ summary: 'with the recovery key', default: false }),
    'from-file': Flags.string({ summary: 'file that holds it', helpValue: 'FILE', dependsOn: ['recovery'] }),
  };

  async run(): Promise<VolumeReport> {
    const { flags } = await this.parse(VolumeUnlock);
    const { readVolumeState } = await import('../../foundation/volume/state.ts');
    const { requireVolume, unlockVolume } = await import('../../foundation/volume/volume.ts');
    const { checkThisMachine, plaintextWarning, requireEncrypted } = await import('../../foundation/volume/check.ts');
    const ask = this.mayAsk(flags);
    const key = flags.recovery ? await recoveryKey(flags['from-file'], ask) : undefined;
    const state = key === undefined ? await readVolumeState() : await requireVolume();
    if (state !== undefined) await (key === undefined ? unlockVolume(state) : this.#recover(state, key));
    const report = await checkThisMachine();
    requireEncrypted(report);
    const warning = plaintextWarning(report);
    if (warning !== undefined) this.say(warning);
    this.print(state === undefined ? 'No volume of ours to open.\n' : `${state.directory} is open.\n`);
    return report;
  }

  async #recover(state: VolumeState, key: string): Promise<void> {
    const { unlockByRecovery } = await import('../../foundation/volume/renew-key.ts');
    const by = await unlockByRecovery(state, key);
    if (by !== undefined) this.say(RENEWED[by]);
    this.say('Start the servers: systemctl start multi-user.target');
  }
}

const RENEWED = {
  tpm2: 'From now on the security chip of this machine opens it by itself.',
  credential:
    'From now on this machine opens it by itself, with a key on its own disk: who copies all of the disk has it too.',
} as const;

async function recoveryKey(file: string | undefined, ask: boolean): Promise<string> {
  const { readRecoveryKey } = await import('../../foundation/volume/recovery-key.ts');
  const typed = await readValue({ file, ask, question: 'Recovery key of the volume:' });
  const key = readRecoveryKey(typed.toString('utf8'));
  if (key !== undefined) return key;
  throw new VectabaseError('VOLUME_KEY_WRONG', {
    message: 'that is no recovery key: eight groups of four letters and digits are one',
    hint: 'Look it up where it was written down when the machine was installed.',
  });
}

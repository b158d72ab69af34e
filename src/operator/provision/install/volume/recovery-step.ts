import { recoverToFile } from '../../../../foundation/volume/recovery.ts';
import { readVolumeState } from '../../../../foundation/volume/state.ts';
import type { InstallSettings, Step } from '../step.ts';

/**
 * The owner's own key, for the day on which this machine is gone. Written to a file that the owner names; where somebody
 * is there to read it, `install` shows it when all is done.
 */
export function recoveryStep({ volume, recoveryFile: wanted, passphrase }: InstallSettings): Step {
  // Only what `install` makes has a key of its own.
  const recoveryFile = volume.kind === 'existing' || volume.kind === 'plaintext' ? undefined : wanted;
  const missing = async (): Promise<boolean> => {
    const state = await readVolumeState();
    return recoveryFile !== undefined && state?.recovery === undefined;
  };
  return {
    id: 'volume.recovery',
    title: 'a recovery key for the volume',
    async detect() {
      return recoveryFile !== undefined && (await missing()) ? [{ action: 'create', target: recoveryFile }] : [];
    },
    async apply() {
      const state = await readVolumeState();
      if (recoveryFile === undefined || state === undefined || !(await missing())) return;
      await recoverToFile(state, recoveryFile, passphrase);
    },
    /** It is the owner's, and opens the data that an uninstall leaves. */
    undo: async () => undefined,
  };
}

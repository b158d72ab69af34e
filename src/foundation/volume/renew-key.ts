import { randomBytes } from 'node:crypto';
import { addProtector, removeProtector } from './fscrypt.ts';
import { addLuksKey, removeLuksKey } from './luks.ts';
import { hasTpm2, keepMachineKey, openMachineKey, type SealedBy } from './machine-key.ts';
import { saveKit } from './recovery.ts';
import { writeVolumeState, type VolumeState } from './state.ts';
import { isUnlocked, unlockVolume } from './volume.ts';

/**
 * Opens the volume with the recovery key, and seals a new key where the machine's own no longer opens it: the disk is in
 * another machine, its security chip was cleared or its firmware changed. The volume then opens by itself again.
 *
 * @returns what the new key was sealed for; undefined when the old one still opens, or a passphrase is asked for at boot
 * @throws VectabaseError VOLUME_KEY_WRONG
 */
export async function unlockByRecovery(state: VolumeState, recoveryKey: string): Promise<SealedBy | undefined> {
  if (state.key !== 'passphrase' && (await opensByItself(state))) return undefined;
  await unlockVolume(state, recoveryKey);
  return state.key === 'passphrase' ? undefined : renew(state, recoveryKey);
}

async function opensByItself(state: VolumeState): Promise<boolean> {
  const attempt = (await isUnlocked(state)) ? openMachineKey() : unlockVolume(state);
  return attempt.then(
    () => true,
    () => false,
  );
}

/** Killed anywhere, the key on disk is still the old one, and the next call does it again. */
async function renew(state: VolumeState, recoveryKey: string): Promise<SealedBy> {
  const by = state.key === 'tpm2' && (await hasTpm2()) ? 'tpm2' : 'credential';
  const key = randomBytes(32);
  const after = await addKey({ ...state, key: by }, recoveryKey, key);
  await writeVolumeState(after);
  await keepMachineKey(key, by);
  if (state.kind === 'luks') await removeLuksKey(state.device, state.slot);
  else if (state.protector !== undefined) await removeProtector(state, state.protector);
  await saveKit(after);
  return by;
}

async function addKey(state: VolumeState, recoveryKey: string, key: Buffer): Promise<VolumeState> {
  if (state.kind === 'luks') return { ...state, slot: await addLuksKey(state.device, recoveryKey, key) };
  if (state.recovery === undefined) throw new Error('the volume has no recovery key');
  return { ...state, protector: await addProtector(state, state.recovery, recoveryKey, key) };
}

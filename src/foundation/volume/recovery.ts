import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { writeDurably } from '../core/durable-file.ts';
import { VectabaseError } from '../core/errors.ts';
import { addProtector, protectorsOf, removeProtector } from './fscrypt.ts';
import { addLuksKey, backUpHeader, luksSlots, removeLuksKey } from './luks.ts';
import { newRecoveryKey, sameRecoveryKey } from './recovery-key.ts';
import { RECOVERY_KIT, writeVolumeState, type VolumeState } from './state.ts';
import { keyOf } from './volume.ts';

export interface FreshRecovery {
  /** To be shown once, and then forgotten. */
  readonly key: string;
  isTypedAs(typed: string): boolean;
  /** Somebody has written it down: it counts from now on, and an earlier one no longer opens the volume. */
  confirm(): Promise<VolumeState>;
  /** Nobody has: it never opens anything. */
  discard(): Promise<void>;
}

/**
 * Makes a second key for the owner. The volume must be open.
 *
 * @param passphrase of the volume, where it was just typed
 * @throws VectabaseError as `keyOf`
 */
export async function makeRecovery(state: VolumeState, passphrase?: string): Promise<FreshRecovery> {
  const machine = passphrase ?? (await keyOf(state));
  await forgetOthers(state, [state.recovery]); // of a run that was stopped in between
  const key = newRecoveryKey();
  const slot = await addKey(state, machine, key);
  return {
    key,
    isTypedAs: (typed) => sameRecoveryKey(typed, key),
    confirm: async () => {
      const after: VolumeState = { ...state, recovery: slot };
      await writeVolumeState(after);
      await forgetOthers(after, [slot]);
      await saveKit(after);
      return after;
    },
    discard: async () => removeKey(state, slot),
  };
}

/** Writes the kit anew: the LUKS header, or the wrapped keys of fscrypt. */
export async function saveKit(state: VolumeState): Promise<void> {
  await rm(RECOVERY_KIT, { recursive: true, force: true });
  await mkdir(RECOVERY_KIT, { recursive: true, mode: 0o700 });
  if (state.kind === 'luks') return backUpHeader(state.device, path.join(RECOVERY_KIT, 'luks-header.img'));
  await cp(path.join(state.mountPoint, '.fscrypt'), path.join(RECOVERY_KIT, 'fscrypt'), { recursive: true });
}

async function addKey(state: VolumeState, machine: string | Buffer, added: string): Promise<string> {
  if (state.kind === 'luks') return addLuksKey(state.device, machine, added);
  if (state.protector === undefined) throw new Error('the volume has no protector yet');
  return addProtector(state, state.protector, machine, added);
}

async function removeKey(state: VolumeState, slot: string): Promise<void> {
  await (state.kind === 'luks' ? removeLuksKey(state.device, slot) : removeProtector(state, slot));
}

/** All keys but those given and the one of the machine. */
async function forgetOthers(state: VolumeState, kept: ReadonlyArray<string | undefined>): Promise<void> {
  const slots = state.kind === 'luks' ? await luksSlots(state.device) : await protectorsOf(state.directory);
  const machine = state.kind === 'luks' ? state.slot : state.protector;
  for (const slot of slots) {
    if (slot !== machine && !kept.includes(slot)) await removeKey(state, slot);
  }
}

/**
 * Makes a recovery key and writes it to a file, readable by root alone. A file of ours that is there is overwritten: its
 * key stopped working.
 *
 * @throws VectabaseError USAGE when the file is another one, or cannot be written
 */
export async function recoverToFile(state: VolumeState, file: string, passphrase?: string): Promise<void> {
  const fresh = await makeRecovery(state, passphrase);
  try {
    const before = await readFile(file, 'utf8').catch(() => '');
    if (before !== '' && !before.startsWith(HEADING)) throw Object.assign(new Error('not ours'), { code: 'EEXIST' });
    await writeDurably(file, `${HEADING} of ${hostname()}:\n\n${fresh.key}\n`);
  } catch (error) {
    await fresh.discard();
    throw new VectabaseError('USAGE', {
      message: `${file} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
      hint: 'Name a file that is not there yet, in a directory that is.',
      cause: error,
    });
  }
  await fresh.confirm();
}

const HEADING = 'Recovery key of the encrypted volume';

import { mkdir } from 'node:fs/promises';
import { runOrFail } from '../process/run-or-fail.ts';
import { run } from '../process/run.ts';
import { isRoot } from '../process/service-user.ts';
import { VectabaseError } from '../core/errors.ts';
import { fscryptPolicy } from './fscrypt-policy.ts';
import { lockDirectory, unlockDirectory } from './fscrypt.ts';
import { closeLuks, isMapped, openLuks } from './luks.ts';
import { askPassphrase, openMachineKey } from './machine-key.ts';
import { mountOf, readMounts } from './mounts.ts';
import { readVolumeState, type LuksState, type VolumeState } from './state.ts';
import { usersOf } from './users-of.ts';

/** What opens the volume at boot: the key of this machine, or a passphrase, which is asked for. */
export async function keyOf(state: VolumeState): Promise<string | Buffer> {
  return state.key === 'passphrase' ? askPassphrase(`Passphrase of ${state.directory}:`) : openMachineKey();
}

/** The volume that `install` made, for whoever may see it. @throws VectabaseError PRECONDITION_FAILED */
export async function requireVolume(): Promise<VolumeState> {
  requireRoot();
  const state = await readVolumeState();
  if (state !== undefined) return state;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: 'this machine has no volume that Vectabase made',
    hint: 'Run vectabase volume status to see what its data lies on.',
  });
}

/** @throws VectabaseError PRECONDITION_FAILED */
export function requireRoot(): void {
  if (isRoot()) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: 'the encrypted volume of a machine is for root alone',
    hint: 'Run the same command with sudo.',
  });
}

/** Can its files be read now? */
export async function isUnlocked(state: VolumeState): Promise<boolean> {
  if (state.kind === 'luks') return isMounted(state);
  return (await fscryptPolicy(state.directory).catch(() => undefined))?.key === 'present';
}

/**
 * Opens and mounts it, and does nothing to what is open. Without a key it takes the one of the machine.
 *
 * @throws VectabaseError VOLUME_LOCKED, VOLUME_KEY_WRONG, PROGRAM_FAILED
 */
export async function unlockVolume(state: VolumeState, recoveryKey?: string): Promise<void> {
  if (await isUnlocked(state)) return;
  if (state.kind === 'fscrypt') {
    const protector = recoveryKey === undefined ? state.protector : state.recovery;
    if (protector === undefined) throw noSuchKey(state);
    return withKey(state, recoveryKey, async (key) => unlockDirectory(state, protector, key));
  }
  if (!isMapped(state.mapper))
    await withKey(state, recoveryKey, async (key) => openLuks(state.device, state.mapper, key));
  await mkdir(state.directory, { recursive: true });
  await runOrFail(['mount', '-o', 'nodev,nosuid', `/dev/mapper/${state.mapper}`, state.directory]);
}

/** A passphrase is mistyped now and then, and at boot nobody is there to start everything again: it is asked for anew. */
async function withKey(
  state: VolumeState,
  recoveryKey: string | undefined,
  open: (key: string | Buffer) => Promise<void>,
): Promise<void> {
  if (recoveryKey !== undefined || state.key !== 'passphrase') return open(recoveryKey ?? (await openMachineKey()));
  for (
    let question = `Passphrase of ${state.directory}:`;
    ;
    question = `That is not it. Passphrase of ${state.directory}:`
  ) {
    const wrong = await open(await askPassphrase(question)).catch(asWrongKey);
    if (wrong === undefined) return;
  }
}

/** @throws what is anything else */
function asWrongKey(error: unknown): VectabaseError {
  if (error instanceof VectabaseError && error.code === 'VOLUME_KEY_WRONG') return error;
  throw error;
}

/**
 * Closes it. fscrypt would take the key from under a running server, whose next file it could not open: so nothing is
 * touched while anybody uses it.
 *
 * @throws VectabaseError VOLUME_BUSY
 */
export async function lockVolume(state: VolumeState): Promise<void> {
  const users = await usersOf(state.directory);
  const [first] = users;
  if (first !== undefined) {
    throw new VectabaseError('VOLUME_BUSY', {
      message: `${state.directory} is in use by ${first.name} (process ${first.pid})${users.length > 1 ? ` and ${users.length - 1} more` : ''}`,
      hint: 'Stop them first: systemctl stop vectabase-volume.service stops what needs the volume, then locks it.',
      details: { processes: users.slice(0, 20).map(({ pid, name }) => `${name} (${pid})`) },
    });
  }
  if (state.kind === 'fscrypt') return lockDirectory(state.directory);
  if (await isMounted(state)) await runOrFail(['umount', state.directory]);
  await closeLuks(state.mapper);
}

async function isMounted({ directory, mapper }: LuksState): Promise<boolean> {
  const mount = mountOf(await readMounts(), directory);
  if (mount?.point !== directory) return false;
  const { stdout } = await run(['findmnt', '--noheadings', '--output', 'SOURCE', '--mountpoint', directory]);
  return stdout.trim().endsWith(`/${mapper}`);
}

function noSuchKey({ directory }: VolumeState): VectabaseError {
  return new VectabaseError('VOLUME_LOCKED', {
    message: `no such key was ever made for ${directory}`,
    hint: 'Run vectabase volume status to see which keys there are.',
  });
}

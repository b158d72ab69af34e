import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { runOrFail } from '../../../../foundation/process/run-or-fail.ts';
import { run } from '../../../../foundation/process/run.ts';
import { fscryptPolicy } from '../../../../foundation/volume/fscrypt-policy.ts';
import { luksUuid } from '../../../../foundation/volume/luks.ts';
import { KEY_FILE, type FscryptState, type VolumeState } from '../../../../foundation/volume/state.ts';
import { lockVolume } from '../../../../foundation/volume/volume.ts';

/** Destroys the data of this machine, for good: without its wrapped keys nothing opens what is left on the disk. */
export async function purgeVolume(state: VolumeState | undefined): Promise<void> {
  if (state?.kind === 'luks') {
    await lockVolume(state);
    // One that was begun may have no header yet, or be somebody else's still.
    if (existsSync(state.device) && (await luksUuid(state.device)) === state.uuid)
      await runOrFail(['cryptsetup', 'erase', '--batch-mode', state.device]);
  }
  if (state?.kind === 'fscrypt') await forgetKeys(state);
  await rm(INSTALLED.data, { recursive: true, force: true });
  await rm(path.dirname(KEY_FILE), { recursive: true, force: true });
}

async function forgetKeys({ directory, mountPoint, protector, recovery }: FscryptState): Promise<void> {
  const policy = await fscryptPolicy(directory).catch(() => undefined);
  const named = [
    ...(policy === undefined ? [] : [`--policy=${mountPoint}:${policy.id}`]),
    ...[protector, recovery].flatMap((id) => (id === undefined ? [] : [`--protector=${mountPoint}:${id}`])),
  ];
  // One that is gone already, after a run that was stopped, is what was wanted.
  for (const each of named) await run(['fscrypt', 'metadata', 'destroy', each, '--quiet', '--force']);
}

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { checkVolume, requireEncrypted } from '../../../../foundation/volume/check.ts';
import { hasTpm2, makeMachineKey, newPassphrase, openMachineKey } from '../../../../foundation/volume/machine-key.ts';
import type { KeyKind } from '../../../../foundation/volume/proof.ts';
import { saveKit } from '../../../../foundation/volume/recovery.ts';
import {
  KEY_FILE,
  readVolumeState,
  RECOVERY_KIT,
  writeVolumeState,
  type VolumeState,
} from '../../../../foundation/volume/state.ts';
import { isUnlocked, unlockVolume } from '../../../../foundation/volume/volume.ts';
import { volumeText } from '../settings.ts';
import type { Change, InstallSettings, Machine, Step } from '../step.ts';
import { createFscrypt, planFscrypt } from './create-fscrypt.ts';
import { createLuks, deviceOf, planLuks, type LuksVolume } from './create-luks.ts';
import { purgeVolume } from './purge.ts';

/** The volume itself: made once, then only opened. Every run ends with the proof that what is there is encrypted. */
export function volumeStep({ volume, volumeKey }: InstallSettings): Step {
  const own = volume.kind === 'existing' || volume.kind === 'plaintext' ? undefined : volume;
  return {
    id: 'volume.data',
    title: 'an encrypted volume for everything that Postgres writes',
    async detect(machine) {
      const found = await readVolumeState();
      const state = isGivenUp(found, own) ? undefined : found;
      if (found && !state) return [givenUp(found), ...(own === undefined ? [] : await planNew(machine, own))];
      if (volume.kind === 'existing') requireEncrypted(await checkVolume(volume.kind));
      if (own === undefined) return existsSync(INSTALLED.data) ? [] : [{ action: 'create', target: INSTALLED.data }];
      if (state === undefined) return planNew(machine, own);
      requireSame(state, own);
      if (!state.ready) return [{ action: 'create', target: state.directory, note: 'an earlier run was stopped' }];
      if (!(await isUnlocked(state))) return [{ action: 'run', target: state.directory, note: 'is locked' }];
      return existsSync(RECOVERY_KIT) ? [] : [{ action: 'create', target: RECOVERY_KIT }];
    },
    async apply(machine, record) {
      await record({ kind: 'volume', target: INSTALLED.data });
      const left = await readVolumeState();
      if (isGivenUp(left, own)) await purgeVolume(left);
      if (own === undefined) {
        await machine.run(['install', '--directory', '--mode', '755', INSTALLED.data]);
        return;
      }
      const found = await readVolumeState();
      const state = found?.ready === true ? found : await create(machine, own, found ?? (await begin(own, volumeKey)));
      await unlockVolume(state);
      await chmod(state.directory, 0o755);
      if (!existsSync(RECOVERY_KIT)) await saveKit(state);
    },
    verify: async () => requireEncrypted(await checkVolume(volumeText(volume))),
    async undo(_, records, { purge }) {
      if (purge && records.length > 0) await purgeVolume(await readVolumeState());
    },
  };
}

type OwnVolume = LuksVolume | Extract<InstallSettings['volume'], { kind: 'fscrypt' }>;

/** Chosen and written down before anything is touched, so that a run that is killed finds what is its own. */
async function begin(volume: OwnVolume, wanted: InstallSettings['volumeKey']): Promise<VolumeState> {
  const chip = await hasTpm2();
  if (wanted === 'tpm2' && !chip) throw noChip();
  const key: KeyKind = wanted === 'auto' ? (chip ? 'tpm2' : 'credential') : wanted;
  const common = { directory: INSTALLED.data, key, ready: false };
  const state: VolumeState =
    volume.kind === 'fscrypt'
      ? { kind: 'fscrypt', ...common, mountPoint: '/' }
      : { kind: 'luks', ...common, device: deviceOf(volume), uuid: randomUUID(), mapper: 'vectabase-data', slot: '0' };
  await writeVolumeState(state);
  return state;
}

async function create(machine: Machine, volume: OwnVolume, state: VolumeState): Promise<VolumeState> {
  const key = await firstKey(state.key, machine.settings.passphrase);
  const made =
    volume.kind === 'fscrypt'
      ? await createFscrypt(machine, requireKind(state, 'fscrypt'), key)
      : await createLuks(machine, volume, requireKind(state, 'luks'), key);
  const ready: VolumeState = { ...made, ready: true };
  await writeVolumeState(ready);
  return ready;
}

async function firstKey(kind: KeyKind, passphrase: string | undefined): Promise<string | Buffer> {
  if (kind === 'passphrase') return passphrase ?? newPassphrase(INSTALLED.data);
  return existsSync(KEY_FILE) ? openMachineKey() : makeMachineKey(kind);
}

function noChip(): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'this machine has no TPM 2.0 that systemd can use',
    hint: 'See what is missing: systemd-analyze has-tpm2. Or choose another key: vectabase install --volume-key passphrase',
  });
}

async function planNew(machine: Machine, volume: OwnVolume): Promise<Change[]> {
  return volume.kind === 'fscrypt' ? planFscrypt(machine) : planLuks(machine, volume);
}

/** Begun, never made, and another kind is wanted now, as when this machine turned out not to be able to. */
function isGivenUp(state: VolumeState | undefined, wanted: OwnVolume | undefined): boolean {
  return state?.ready === false && (wanted === undefined || deviceIn(state) !== deviceWanted(wanted));
}

function givenUp(state: VolumeState): Change {
  const target = deviceIn(state) ?? state.directory;
  return { action: 'remove', target, note: 'an earlier run was stopped before anything was on it' };
}

function deviceIn(state: VolumeState): string | undefined {
  return state.kind === 'luks' ? state.device : undefined;
}

function deviceWanted(volume: OwnVolume): string | undefined {
  return volume.kind === 'fscrypt' ? undefined : deviceOf(volume);
}

function requireSame(state: VolumeState, wanted: OwnVolume): void {
  const has = deviceIn(state);
  if (has === deviceWanted(wanted)) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `the data of this machine is on ${has ?? `an encrypted directory, ${state.directory}`}, and another volume is asked for`,
    hint: 'Leave --volume out. To move to another kind: back up, vectabase uninstall --purge, install anew, restore.',
    details: { device: has ?? path.join(state.directory), wanted: volumeText(wanted) },
  });
}

function requireKind<K extends VolumeState['kind']>(state: VolumeState, kind: K): Extract<VolumeState, { kind: K }> {
  if (state.kind !== kind) throw new Error(`the volume is of kind ${state.kind}`);
  return state as Extract<VolumeState, { kind: K }>;
}

import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { encryptDirectory, protectorsOf, setUpFscrypt } from '../../../../foundation/volume/fscrypt.ts';
import { fscryptPolicy } from '../../../../foundation/volume/fscrypt-policy.ts';
import { mountOf, readMounts, type Mount } from '../../../../foundation/volume/mounts.ts';
import { writeVolumeState, type FscryptState } from '../../../../foundation/volume/state.ts';
import { unlockVolume } from '../../../../foundation/volume/volume.ts';
import type { Change, Machine } from '../step.ts';
import { occupied } from './occupied.ts';

/** What stands between this machine and an encrypted directory. Looks only. @throws PRECONDITION_FAILED, VOLUME_OCCUPIED */
export async function planFscrypt(machine: Machine): Promise<Change[]> {
  const { fileSystem, point, source } = await mountBelow();
  if (fileSystem !== 'ext4' && fileSystem !== 'f2fs') throw unsupported(point, fileSystem);
  await requireEmpty();
  const changes: Change[] = [{ action: 'create', target: INSTALLED.data, note: 'encrypted directory' }];
  if (fileSystem !== 'ext4' || (await hasFeature(machine, source))) return changes;
  return [{ action: 'change', target: source, note: 'gets the ext4 feature "encrypt", which stays' }, ...changes];
}

/** Makes the directory encrypted, or goes on where an earlier run was stopped. */
export async function createFscrypt(
  machine: Machine,
  state: FscryptState,
  key: string | Buffer,
): Promise<FscryptState> {
  const { fileSystem, point, source } = await mountBelow();
  if (fileSystem === 'ext4' && !(await hasFeature(machine, source))) {
    await machine.run(['tune2fs', '-O', 'encrypt', source]);
  }
  await mkdir(state.directory, { recursive: true });
  await setUpFscrypt(point);
  if ((await fscryptPolicy(state.directory)) === undefined) {
    await requireEmpty();
    await encryptDirectory(state.directory, key);
  }
  const [protector] = await protectorsOf(state.directory);
  const made: FscryptState = { ...state, mountPoint: point, protector };
  await writeVolumeState(made);
  await unlockVolume(made); // proves that the key which was kept is the one that opens it
  return made;
}

async function mountBelow(): Promise<Mount> {
  const mounts = await readMounts();
  const mount = mountOf(mounts, INSTALLED.state) ?? mountOf(mounts, path.dirname(INSTALLED.state));
  if (mount === undefined) throw new Error(`nothing is mounted above ${INSTALLED.state}`);
  return mount;
}

/** Files that are there already would stay plaintext. */
async function requireEmpty(): Promise<void> {
  const names = await readdir(INSTALLED.data).catch((): string[] => []);
  if (names.length > 0) throw occupied(INSTALLED.data, `holds ${names[0] ?? ''}`);
}

async function hasFeature(machine: Machine, device: string): Promise<boolean> {
  const { stdout } = await machine.ask(['tune2fs', '-l', device]);
  return /^Filesystem features:.*\bencrypt\b/m.test(stdout);
}

function unsupported(point: string, fileSystem: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `${point} is ${fileSystem}, which cannot encrypt single directories`,
    hint: 'Use a disk in a file, for example: vectabase install --volume luks-file:20G; or a disk of its own: --volume luks:/dev/sdb',
    details: { mountPoint: point, fileSystem },
  });
}

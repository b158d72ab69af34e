import { existsSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { formatLuks, luksUuid, openLuks } from '../../../../foundation/volume/luks.ts';
import { DISK_FILE, type LuksState } from '../../../../foundation/volume/state.ts';
import { unlockVolume } from '../../../../foundation/volume/volume.ts';
import type { Change, Machine, Volume } from '../step.ts';
import { occupied } from './occupied.ts';

export type LuksVolume = Extract<Volume, { kind: 'luks' | 'luks-file' }>;

/** What would be made. Looks only. @throws VOLUME_OCCUPIED, PRECONDITION_FAILED, DISK_FULL */
export async function planLuks(machine: Machine, volume: LuksVolume): Promise<Change[]> {
  if (volume.kind === 'luks') await requireBlank(machine, volume.device);
  else await requireSpace(volume.bytes);
  return [{ action: 'create', target: deviceOf(volume), note: 'LUKS2 with ext4; what is on it is lost' }];
}

/** Makes header and file system, or goes on where an earlier run was stopped. */
export async function createLuks(
  machine: Machine,
  volume: LuksVolume,
  state: LuksState,
  key: string | Buffer,
): Promise<LuksState> {
  const { device, uuid, mapper } = state;
  if (volume.kind === 'luks-file') await machine.run(['fallocate', '--length', String(volume.bytes), device]);
  if ((await luksUuid(device)) !== uuid) {
    if (volume.kind === 'luks') await requireBlank(machine, device);
    await formatLuks(device, uuid, key);
  }
  await openLuks(device, mapper, key);
  const inside = `/dev/mapper/${mapper}`;
  if (await isBlank(machine, inside)) await machine.run(['mkfs.ext4', '-q', '-L', 'vectabase', inside]);
  await unlockVolume(state);
  return state;
}

export function deviceOf(volume: LuksVolume): string {
  return volume.kind === 'luks' ? volume.device : DISK_FILE;
}

async function requireBlank(machine: Machine, device: string): Promise<void> {
  if (!existsSync(device)) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `there is no device ${device}`,
      hint: 'Run lsblk to see the disks of this machine.',
    });
  }
  if (!(await isBlank(machine, device))) throw occupied(device, 'is not empty');
}

/** blkid(8): 2 when it finds nothing that it knows, neither a file system nor a partition table. */
async function isBlank(machine: Machine, device: string): Promise<boolean> {
  return (await machine.ask(['blkid', '--probe', device])).exitCode === 2;
}

/** The host needs some of its disk for itself. */
const LEFT_FREE = 2 ** 30;

async function requireSpace(bytes: number): Promise<void> {
  if (existsSync(DISK_FILE)) return;
  const home = path.dirname(DISK_FILE);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(home);
  if (bavail * bsize >= bytes + LEFT_FREE) return;
  throw new VectabaseError('DISK_FULL', {
    message: `${home} has ${Math.floor((bavail * bsize) / 2 ** 30)} GB free; the volume and 1 GB for the system do not fit`,
    hint: 'Choose a smaller one, for example: vectabase install --volume luks-file:10G',
    details: { free: bavail * bsize, wanted: bytes },
  });
}

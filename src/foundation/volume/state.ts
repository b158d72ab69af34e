import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { INSTALLED } from '../config/directory.ts';
import { writeDurably } from '../core/durable-file.ts';
import { VectabaseError } from '../core/errors.ts';

const COMMON = {
  /** Where the data is, in plaintext while the volume is open. */
  directory: z.string().startsWith('/'),
  /** Who opens it at boot. */
  key: z.enum(['credential', 'tpm2', 'passphrase']),
  /** False until it was made to its end: what is on it then is nothing. */
  ready: z.boolean(),
  /** The key slot or protector of the owner's recovery key, once somebody has written that key down. */
  recovery: z.string().optional(),
};

const STATE = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('luks'),
    ...COMMON,
    /** A block device, or a file that is used as one. */
    device: z.string().startsWith('/'),
    /** Of the LUKS header: chosen before it is written, so that nobody else's volume is ever taken for ours. */
    uuid: z.string(),
    /** Below /dev/mapper. */
    mapper: z.string(),
    /** The key slot of the machine's key, or of the passphrase. */
    slot: z.string().default('0'),
  }),
  z.strictObject({
    kind: z.literal('fscrypt'),
    ...COMMON,
    /** The root of the file system, which holds the wrapped keys in `.fscrypt`. */
    mountPoint: z.string().startsWith('/'),
    protector: z.string().optional(),
  }),
]);

/** The volume that `install` made on this machine. No secrets. */
export type VolumeState = z.output<typeof STATE>;
export type LuksState = Extract<VolumeState, { kind: 'luks' }>;
export type FscryptState = Extract<VolumeState, { kind: 'fscrypt' }>;

/**
 * Where the state, the machine's key and a disk in a file are. Beside the data, and not below /etc: an uninstall that
 * leaves the data leaves what opens it.
 */
const HOME = path.join(INSTALLED.state, 'volume');
const STATE_FILE = path.join(HOME, 'volume.json');
/** The machine's key, sealed. */
export const KEY_FILE = path.join(HOME, 'key.cred');
/** What `--volume luks-file` uses as a disk. */
export const DISK_FILE = path.join(HOME, 'disk.luks');

/** Copies of what the volume cannot be opened without, whatever keys there are. The keys in them are wrapped. */
export const RECOVERY_KIT = path.join(INSTALLED.configuration, 'recovery');

/** Undefined where the volume is somebody else's work, or there is none. */
export async function readVolumeState(): Promise<VolumeState | undefined> {
  try {
    return STATE.parse(JSON.parse(await readFile(STATE_FILE, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new VectabaseError('CONFIG_INVALID', {
      message: `${STATE_FILE} does not say which volume this machine has`,
      hint: 'Bring the file back from a copy of this machine. The data itself is not touched.',
      cause: error,
    });
  }
}

export async function writeVolumeState(state: VolumeState): Promise<void> {
  await mkdir(HOME, { recursive: true, mode: 0o700 });
  await writeDurably(STATE_FILE, `${JSON.stringify(STATE.parse(state), null, 2)}\n`);
}

import { existsSync } from 'node:fs';
import { VectabaseError } from '../core/errors.ts';
import { runOrFail } from '../process/run-or-fail.ts';
import { run } from '../process/run.ts';
import { withSecretFile } from './machine-key.ts';

/** Four key slots; the default of 16 MB would be in every copy of the header. */
const KEYSLOTS = ['--luks2-keyslots-size', '1m'] as const;
/** A random key of 256 bits cannot be guessed, so stretching it would only delay the boot. */
const UNSTRETCHED = '--pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 32 --pbkdf-parallel 1'.split(' ');

/** Writes a LUKS2 header: all that the device held is lost. A passphrase is a string, a random key bytes. */
export async function formatLuks(device: string, uuid: string, key: string | Buffer): Promise<void> {
  const stretch = typeof key === 'string' ? [] : UNSTRETCHED;
  const how = ['--batch-mode', '--type', 'luks2', '--uuid', uuid, '--label', 'vectabase', ...KEYSLOTS, ...stretch];
  await runOrFail(['cryptsetup', 'luksFormat', ...how, '--key-file=-', device], { input: key });
}

/** The UUID of its header; undefined when it is no LUKS volume. */
export async function luksUuid(device: string): Promise<string | undefined> {
  const { exitCode, stdout } = await run(['cryptsetup', 'luksUUID', device]);
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** Does nothing when it is open. @throws VectabaseError VOLUME_KEY_WRONG */
export async function openLuks(device: string, mapper: string, key: string | Buffer): Promise<void> {
  if (isMapped(mapper)) return;
  const argv = ['cryptsetup', 'open', '--type', 'luks', '--key-file=-', device, mapper] as const;
  const { exitCode, stderr } = await run(argv, { input: key });
  if (exitCode === 0) return;
  if (exitCode === NO_PERMISSION) throw wrongKey(device);
  throw new VectabaseError('PROGRAM_FAILED', {
    message: `cryptsetup does not open ${device}: ${stderr.trim().split('\n').at(-1) ?? exitCode}`,
    hint: 'See that the kernel has dm-crypt (modprobe dm_crypt); where it has not, use --volume fscrypt.',
    details: { exitCode, output: stderr.trim() },
  });
}

export async function closeLuks(mapper: string): Promise<void> {
  if (isMapped(mapper)) await runOrFail(['cryptsetup', 'close', mapper]);
}

export function isMapped(mapper: string): boolean {
  return existsSync(`/dev/mapper/${mapper}`);
}

/** Adds another key, a random one, though people may type it. Answers its slot. */
export async function addLuksKey(device: string, key: string | Buffer, added: string | Buffer): Promise<string> {
  const before = await luksSlots(device);
  await withSecretFile(key, async (file) =>
    withSecretFile(added, async (fresh) =>
      runOrFail(['cryptsetup', 'luksAddKey', ...UNSTRETCHED, '--key-file', file, device, fresh]),
    ),
  );
  const slot = (await luksSlots(device)).find((each) => !before.includes(each));
  if (slot === undefined) throw new Error('cryptsetup added no key slot');
  return slot;
}

/** Takes a key away. Does nothing when it is gone. */
export async function removeLuksKey(device: string, slot: string): Promise<void> {
  if (!(await luksSlots(device)).includes(slot)) return;
  await runOrFail(['cryptsetup', 'luksKillSlot', '--batch-mode', device, slot]);
}

/** Without its header a volume is lost, whatever keys there are. */
export async function backUpHeader(device: string, file: string): Promise<void> {
  await runOrFail(['cryptsetup', 'luksHeaderBackup', device, '--header-backup-file', file]);
}

/** Numbers of the slots that hold a key. */
export async function luksSlots(device: string): Promise<string[]> {
  const header = JSON.parse(await runOrFail(['cryptsetup', 'luksDump', '--dump-json-metadata', device])) as {
    readonly keyslots: Readonly<Record<string, unknown>>;
  };
  return Object.keys(header.keyslots);
}

function wrongKey(device: string): VectabaseError {
  return new VectabaseError('VOLUME_KEY_WRONG', {
    message: `that key does not open ${device}`,
    hint: 'Use the recovery key: vectabase volume unlock --recovery',
  });
}

/** cryptsetup(8): no key slot opens. */
const NO_PERMISSION = 2;

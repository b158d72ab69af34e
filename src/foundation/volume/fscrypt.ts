import { existsSync } from 'node:fs';
import path from 'node:path';
import { VectabaseError } from '../core/errors.ts';
import { runOrFail } from '../process/run-or-fail.ts';
import { run } from '../process/run.ts';
import { fscryptPolicy } from './fscrypt-policy.ts';
import { withSecretFile } from './machine-key.ts';
import { RECOVERY_KIT, type FscryptState } from './state.ts';

/** A wrong key makes fscrypt ask again, for ever, unless it is told to be quiet; and quiet, it still reads stdin. */
const QUIET = '--quiet';
const PATIENCE = { timeout: 60_000 };

/** Makes `.fscrypt` at the root of the file system, where the wrapped keys are kept. */
export async function setUpFscrypt(mountPoint: string): Promise<void> {
  if (existsSync(path.join(mountPoint, '.fscrypt', 'policies'))) return;
  await runOrFail(['fscrypt', 'setup', mountPoint, QUIET], PATIENCE);
}

/**
 * Encrypts an empty directory. A passphrase is a string, a random key bytes. Answers the protector of the key.
 *
 * @throws VectabaseError PROGRAM_FAILED also when something is in the directory: files cannot be encrypted afterwards
 */
export async function encryptDirectory(directory: string, key: string | Buffer): Promise<string> {
  await runWithKeys(['encrypt', directory, '--name=vectabase', '--no-recovery', sourceOf(key)], key);
  const [protector] = await protectorsOf(directory);
  if (protector === undefined) throw new Error(`fscrypt made no protector for ${directory}`);
  return protector;
}

/** @throws VectabaseError VOLUME_KEY_WRONG; PROGRAM_FAILED when the protector's file is gone */
export async function unlockDirectory(
  { directory, mountPoint }: FscryptState,
  protector: string,
  key: string | Buffer,
): Promise<void> {
  if ((await fscryptPolicy(directory))?.key === 'present') return;
  const argv = ['fscrypt', 'unlock', directory, `--unlock-with=${mountPoint}:${protector}`, QUIET] as const;
  const { exitCode, stderr } =
    typeof key === 'string'
      ? await run(argv, { ...PATIENCE, input: key })
      : await withSecretFile(key, async (file) => run([...argv, `--key=${file}`], PATIENCE));
  if (exitCode === 0) return;
  if (/incorrect key/.test(stderr)) {
    throw new VectabaseError('VOLUME_KEY_WRONG', {
      message: `that key does not open ${directory}`,
      hint: 'Use the recovery key: vectabase volume unlock --recovery',
    });
  }
  throw new VectabaseError('PROGRAM_FAILED', {
    message: `fscrypt does not open ${directory}: ${firstLine(stderr)}`,
    hint: `Where ${mountPoint}/.fscrypt is damaged or gone, bring it back: cp -a ${RECOVERY_KIT}/fscrypt/. ${mountPoint}/.fscrypt`,
    details: { exitCode, output: stderr.trim() },
  });
}

/** Takes the key out of the kernel's memory. @throws VectabaseError VOLUME_BUSY while files are open */
export async function lockDirectory(directory: string): Promise<void> {
  if ((await fscryptPolicy(directory))?.key === 'absent') return;
  const { exitCode, stderr } = await run(['fscrypt', 'lock', directory, QUIET], PATIENCE);
  if (exitCode === 0) return;
  throw new VectabaseError('VOLUME_BUSY', {
    message: `${directory} is not locked: ${firstLine(stderr)}`,
    hint: 'End what uses it (fuser -vm shows it), then run vectabase volume lock again.',
  });
}

/** Adds another key to the one of `protector`. At least one of them is a passphrase. Answers its protector. */
export async function addProtector(
  { directory, mountPoint }: FscryptState,
  protector: string,
  key: string | Buffer,
  added: string | Buffer,
): Promise<string> {
  const policy = await fscryptPolicy(directory);
  if (policy === undefined) throw new Error(`${directory} has no encryption policy`);
  const before = await protectorsAt(mountPoint);
  const name = `--name=vectabase-${Date.now()}`;
  await runWithKeys(['metadata', 'create', 'protector', mountPoint, name, sourceOf(added)], added);
  const fresh = (await protectorsAt(mountPoint)).find((each) => !before.includes(each));
  if (fresh === undefined) throw new Error('fscrypt made no protector');
  const which = [`--protector=${mountPoint}:${fresh}`, `--policy=${mountPoint}:${policy.id}`];
  const joining = ['metadata', 'add-protector-to-policy', ...which, `--unlock-with=${mountPoint}:${protector}`];
  await runWithKeys(joining, added, key);
  return fresh;
}

const sourceOf = (key: string | Buffer): string =>
  typeof key === 'string' ? '--source=custom_passphrase' : '--source=raw_key';

/** Passphrases are asked for, in this order; a random key is read from a file, and there is room for one. */
async function runWithKeys(args: readonly string[], ...keys: ReadonlyArray<string | Buffer>): Promise<void> {
  const typed = keys.filter((key) => typeof key === 'string').join('\n');
  const raw = keys.find((key) => typeof key !== 'string');
  const options = { ...PATIENCE, ...(typed === '' ? {} : { input: `${typed}\n` }) };
  if (raw === undefined) await runOrFail(['fscrypt', ...args, QUIET], options);
  else await withSecretFile(raw, async (file) => runOrFail(['fscrypt', ...args, `--key=${file}`, QUIET], options));
}

/** Takes a key away. Does nothing when it is gone. */
export async function removeProtector({ directory, mountPoint }: FscryptState, protector: string): Promise<void> {
  const policy = await fscryptPolicy(directory);
  if (policy !== undefined && (await protectorsOf(directory)).includes(protector)) {
    const names = [`--protector=${mountPoint}:${protector}`, `--policy=${mountPoint}:${policy.id}`];
    await runOrFail(['fscrypt', 'metadata', 'remove-protector-from-policy', ...names, QUIET, '--force'], PATIENCE);
  }
  if ((await protectorsAt(mountPoint)).includes(protector)) {
    const which = `--protector=${mountPoint}:${protector}`;
    await runOrFail(['fscrypt', 'metadata', 'destroy', which, QUIET, '--force'], PATIENCE);
  }
}

/** Protectors of the directory's policy. */
export async function protectorsOf(directory: string): Promise<string[]> {
  return protectorIds(await runOrFail(['fscrypt', 'status', directory], PATIENCE));
}

async function protectorsAt(mountPoint: string): Promise<string[]> {
  const text = await runOrFail(['fscrypt', 'status', mountPoint], PATIENCE);
  return protectorIds(text.split(/^POLICY\b/m)[0] ?? '');
}

/** Lines of a table that begin with 16 hexadecimal digits. */
function protectorIds(text: string): string[] {
  return [...text.matchAll(/^([0-9a-f]{16}) /gm)].flatMap(([, id]) => id ?? []);
}

function firstLine(stderr: string): string {
  return (
    stderr
      .trim()
      .split('\n')[0]
      ?.replace(/^\[ERROR\] /, '') ?? ''
  );
}

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isatty } from 'node:tty';
import { writeDurably } from '../core/durable-file.ts';
import { VectabaseError } from '../core/errors.ts';
import { runOrFail } from '../process/run-or-fail.ts';
import { run } from '../process/run.ts';
import { KEY_FILE } from './state.ts';

export type SealedBy = 'credential' | 'tpm2';

/** A fresh 256-bit key, sealed so that only this machine opens it, in a file of root. */
export async function makeMachineKey(by: SealedBy): Promise<Buffer> {
  const key = randomBytes(32);
  await keepMachineKey(key, by);
  return key;
}

/** Takes the place of an earlier one. */
export async function keepMachineKey(key: Buffer, by: SealedBy): Promise<void> {
  if (by === 'credential' && !existsSync(SEALER))
    return writeDurably(KEY_FILE, `${UNSEALED}${key.toString('base64')}\n`);
  const how = `--with-key=${by === 'tpm2' ? 'host+tpm2' : 'host'}`;
  const argv = ['systemd-creds', 'encrypt', NAME, how, '-', '-'] as const;
  await writeDurably(KEY_FILE, await runOrFail(argv, { input: key.toString('base64') }));
}

/** @throws VectabaseError VOLUME_LOCKED when the file is gone, or was sealed by another machine */
export async function openMachineKey(): Promise<Buffer> {
  const sealed = await readFile(KEY_FILE, 'utf8').catch(() => undefined);
  if (sealed?.startsWith(UNSEALED) === true) return Buffer.from(sealed.slice(UNSEALED.length), 'base64');
  const { exitCode, stdout, stderr } = await run(['systemd-creds', 'decrypt', NAME, KEY_FILE, '-']);
  if (exitCode === 0) return Buffer.from(stdout, 'base64');
  throw new VectabaseError('VOLUME_LOCKED', {
    message:
      sealed === undefined
        ? `the key of the volume, ${KEY_FILE}, is not there`
        : `this machine does not open ${KEY_FILE}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    hint: 'Open the volume with the recovery key, which also seals a key for this machine: vectabase volume unlock --recovery',
  });
}

/** Of systemd 250. Before (Ubuntu 22.04) the key lies in its file as it is: on the same disk as the secret would. */
const SEALER = '/usr/bin/systemd-creds';
const UNSEALED = 'unsealed:';

/** Whether this machine has a security chip that systemd can use. */
export async function hasTpm2(): Promise<boolean> {
  // It fails as well where the firmware is a BIOS, which has no word for the chip: the kernel has one.
  const { stdout } = await run(['systemd-creds', 'has-tpm2']);
  return /^\+driver$/m.test(stdout) && !/^-(?:system|subsystem|libraries)$/m.test(stdout);
}

/**
 * Asks at our terminal; where there is none, as at boot, whoever answers systemd's questions (the console, or
 * `systemd-tty-ask-password-agent` over ssh). Waits for as long as it takes.
 */
export async function askPassphrase(question: string): Promise<string> {
  const argv = ['systemd-ask-password', '--id=vectabase-volume', '--timeout=0', question] as const;
  const { exitCode, stdout } = await run(argv, { timeout: 0, terminal: isatty(0) });
  if (exitCode === 0) return stdout.replace(/\n$/, '');
  throw new VectabaseError('VOLUME_LOCKED', {
    message: 'nobody typed a passphrase',
    hint: 'Run: vectabase volume unlock; or with the recovery key: vectabase volume unlock --recovery',
  });
}

/** Asks twice, as what is typed is not seen. @throws VectabaseError USAGE */
export async function newPassphrase(directory: string, ask = askPassphrase): Promise<string> {
  const typed = await ask(`New passphrase of ${directory}:`);
  if (typed !== '' && typed === (await ask('The same again:'))) return typed;
  throw new VectabaseError('USAGE', {
    message: 'the two passphrases differ, or are empty',
    hint: 'Run vectabase install again.',
  });
}

/** Hands a secret to a program that wants it in a file: in memory, and gone afterwards. */
export async function withSecretFile<T>(secret: string | Uint8Array, body: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp('/run/vectabase-key-');
  try {
    const file = path.join(directory, 'key');
    await writeFile(file, secret, { mode: 0o600 });
    return await body(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Goes into what is sealed: a file that was put in this one's place does not open. */
const NAME = '--name=vectabase-volume-key';

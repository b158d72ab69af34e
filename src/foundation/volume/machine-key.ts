import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from '../core/durable-file.ts';
import { VectabaseError } from '../core/errors.ts';
import { runOrFail } from '../process/run-or-fail.ts';
import { run } from '../process/run.ts';
import { KEY_FILE } from './state.ts';

/** A fresh 256-bit key, sealed so that only this machine opens it, in a file of root. */
export async function makeMachineKey(by: 'credential' | 'tpm2'): Promise<Buffer> {
  const key = randomBytes(32);
  const argv = [
    'systemd-creds',
    'encrypt',
    NAME,
    `--with-key=${by === 'tpm2' ? 'host+tpm2' : 'host'}`,
    '-',
    '-',
  ] as const;
  await writeDurably(KEY_FILE, await runOrFail(argv, { input: key.toString('base64') }));
  return key;
}

/** @throws VectabaseError VOLUME_LOCKED when the file is gone, or was sealed by another machine */
export async function openMachineKey(): Promise<Buffer> {
  const sealed = await readFile(KEY_FILE).catch(() => undefined);
  const { exitCode, stdout, stderr } = await run(['systemd-creds', 'decrypt', NAME, KEY_FILE, '-']);
  if (exitCode === 0) return Buffer.from(stdout, 'base64');
  throw new VectabaseError('VOLUME_LOCKED', {
    message:
      sealed === undefined
        ? `the key of the volume, ${KEY_FILE}, is not there`
        : `this machine does not open ${KEY_FILE}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    hint: 'Open the volume with the recovery key: vectabase volume unlock --recovery',
  });
}

/** Whether this machine has a security chip that systemd can use. */
export async function hasTpm2(): Promise<boolean> {
  return (await run(['systemd-creds', 'has-tpm2'])).exitCode === 0;
}

/** Asks at the terminal, or whoever answers systemd's questions (`systemd-tty-ask-password-agent`), for as long as it takes. */
export async function askPassphrase(question: string): Promise<string> {
  const argv = ['systemd-ask-password', '--id=vectabase-volume', '--timeout=0', question] as const;
  return (await runOrFail(argv, { timeout: 0 })).replace(/\n$/, '');
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

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ownerToBe, writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { contentLines, newIdentityFile, parseIdentities, parseRecipient } from '../../foundation/crypto/age-keys.ts';
import { isPublicKey } from '../../foundation/crypto/signatures.ts';
import type { AgeIdentity, AgeRecipient } from '../../foundation/crypto/age-keys.ts';
import { ensureSigner, type CatalogueHome } from './catalog/home.ts';

export interface NewRecoveryKey {
  /** Where the private half was written. It exists nowhere else. */
  readonly file: string;
  /** The public half: backups are sealed for it from now on. */
  readonly recipient: string;
}

/**
 * Makes the key that opens backups. The machine keeps only its public half: whoever takes the machine can neither read
 * its backups nor lose them for the owner.
 *
 * @throws VectabaseError USAGE when the file is there already
 */
export async function makeRecoveryKey(home: CatalogueHome, file: string, now: number): Promise<NewRecoveryKey> {
  const text = await newIdentityFile(now);
  const [identity] = (await parseIdentities(text)) ?? [];
  if (!identity) throw new Error('a new identity cannot be parsed');
  const { publicKey } = await ensureSigner(home);
  await writeFile(file, `${text}# catalogue key: ${publicKey}\n`, { flag: 'wx', mode: 0o600 }).catch(
    (cause: unknown) => {
      throw new VectabaseError('USAGE', {
        message: `${file} cannot be written: ${(cause as NodeJS.ErrnoException).code ?? 'error'}`,
        hint: 'Name a file that does not exist yet, on a disk that is not of this machine: --out FILE.',
        details: { file },
      });
    },
  );
  await addRecipient(home, identity.recipient);
  return { file, recipient: identity.recipient };
}

/**
 * Whom to seal for next: a public half that was named, or that of a key in a file, which is made where there is none.
 *
 * @throws VectabaseError USAGE for neither or both, or what is no public key; BACKUP_KEY_MISSING for a file without a key
 */
export async function newRecipient(
  home: CatalogueHome,
  { text, file, now }: { readonly text: string | undefined; readonly file: string | undefined; readonly now: number },
): Promise<string> {
  if (file !== undefined && text === undefined) {
    if (!existsSync(file)) return (await makeRecoveryKey(home, file, now)).recipient;
    const [identity] = await readRecoveryKey(file);
    if (identity) return identity.recipient;
  }
  const recipient = text === undefined || file !== undefined ? undefined : parseRecipient(text);
  if (recipient) return recipient.text;
  throw new VectabaseError('USAGE', {
    message: 'one public key of age is needed',
    hint: 'Name the public half of the new key (age1…), or make one: --out FILE.',
  });
}

/** Seals for one more from the next file on. One that is there already stays where it is. */
export async function addRecipient(home: CatalogueHome, recipient: string): Promise<void> {
  await writeRecipients(home, [...new Set([...(await readRecipientLines(home)), recipient])]);
}

export async function writeRecipients(home: CatalogueHome, recipients: readonly string[]): Promise<void> {
  const owner = await ownerToBe(home.directory);
  await writeDurably(recipientsFile(home), recipients.map((recipient) => `${recipient}\n`).join(''), { owner });
}

/** @throws VectabaseError BACKUP_KEY_MISSING when no recovery key was made yet */
export async function readRecipients(home: CatalogueHome): Promise<[AgeRecipient, ...AgeRecipient[]]> {
  const lines = await readRecipientLines(home);
  const [first, ...more] = lines.map(parseRecipient).filter((recipient) => recipient !== undefined);
  if (first && more.length + 1 === lines.length) return [first, ...more];
  throw new VectabaseError('BACKUP_KEY_MISSING', {
    message:
      lines.length === 0
        ? 'there is no recovery key yet, and a backup is sealed for one'
        : `${recipientsFile(home)} holds a line that is no public key`,
    hint:
      lines.length === 0
        ? 'Run vectabase backup key --out FILE, with FILE on a disk that is not of this machine.'
        : 'Correct it: one age1… key a line.',
  });
}

/** @throws VectabaseError BACKUP_KEY_MISSING for a file that holds no private key */
export async function readRecoveryKey(file: string): Promise<AgeIdentity[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text !== '') return parseRecoveryKey(text, file);
  throw noRecoveryKey(`the recovery key cannot be read: ${file}`, file);
}

/** @throws VectabaseError BACKUP_KEY_MISSING for a text that holds no private key; it is never told */
export async function parseRecoveryKey(text: string, name = 'what was typed'): Promise<AgeIdentity[]> {
  const identities = await parseIdentities(text.trim());
  if (identities) return identities;
  throw noRecoveryKey(`${name} holds no recovery key`, name);
}

function noRecoveryKey(message: string, name: string): VectabaseError {
  return new VectabaseError('BACKUP_KEY_MISSING', {
    message,
    hint: 'Name the file that vectabase backup key wrote: --key FILE.',
    details: { file: name },
  });
}

/** The public keys of catalogues that a recovery key's file names in its comments, so that it suffices on a new machine. */
export async function readCatalogueKeys(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return [...text.matchAll(/^# catalogue key: (\S+)$/gm)].map(([, key = '']) => key).filter(isPublicKey);
}

async function readRecipientLines(home: CatalogueHome): Promise<string[]> {
  return contentLines(await readFile(recipientsFile(home), 'utf8').catch(() => ''));
}

function recipientsFile({ directory }: CatalogueHome): string {
  return path.join(directory, 'recipients');
}

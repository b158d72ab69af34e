import { armor, Decrypter, Encrypter } from 'age-encryption';
import { VectabaseError } from '../core/errors.ts';
import type { AgeIdentity, AgeRecipient } from './age-keys.ts';

/**
 * Files in the age format, v1 (https://age-encryption.org/v1), armored: what is sealed here the stock `age` tool opens,
 * and the other way round. Plaintext and keys never stand in an error.
 */

/** Seals a text for every recipient. Two seals of one text differ: each has a file key of its own. */
export async function sealForAge(plaintext: string, recipients: readonly AgeRecipient[]): Promise<string> {
  if (recipients.length === 0) throw new Error('nobody to seal for');
  const encrypter = new Encrypter();
  for (const { key } of recipients) encrypter.addRecipient(key);
  return armor.encode(await encrypter.encrypt(plaintext));
}

/**
 * Opens a sealed text, armored or not.
 *
 * @param name how an error names the file
 * @throws VectabaseError SECRETS_KEY_WRONG when no identity opens it, SECRETS_FILE_INVALID when it is damaged
 */
export async function openFromAge(
  sealed: Uint8Array,
  identities: readonly AgeIdentity[],
  name: string,
): Promise<Buffer> {
  const decrypter = new Decrypter();
  for (const { key } of identities) decrypter.addIdentity(key);
  return open(sealed, decrypter, name);
}

/**
 * Opens a text that is sealed with a passphrase: an identity file made with `age -p`.
 *
 * @throws VectabaseError SECRETS_KEY_WRONG for another passphrase
 */
export async function openWithPassphrase(sealed: Uint8Array, passphrase: string, name: string): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  return open(sealed, decrypter, name);
}

/** The first bytes of both forms; anything else is no age file. */
export function isAgeFile(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart();
  return start.startsWith(ARMOR) || start.startsWith('age-encryption.org/');
}

const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';

async function open(sealed: Uint8Array, decrypter: Decrypter, name: string): Promise<Buffer> {
  try {
    const text = Buffer.from(sealed).toString('latin1').trimStart();
    const binary = text.startsWith(ARMOR) ? armor.decode(text) : sealed;
    return Buffer.from(await decrypter.decrypt(binary));
  } catch (error) {
    // The library has one sentence for "not for you"; all others say that the file is not what was written.
    if (error instanceof Error && error.message.startsWith('no identity matched')) throw wrongKey(name);
    throw new VectabaseError('SECRETS_FILE_INVALID', {
      message: `${name} is damaged or no age file`,
      hint: `Bring the file back from git or a backup: git checkout -- ${name}`,
      details: { file: name },
    });
  }
}

function wrongKey(name: string): VectabaseError {
  return new VectabaseError('SECRETS_KEY_WRONG', {
    message: `the identity at hand does not open ${name}`,
    hint: [
      'Ask somebody who can open it to add you: vectabase secrets recipients list shows your public key,',
      'vectabase secrets recipients add KEY lets you in. Or bring back the identity that it was sealed for.',
    ].join('\n'),
    details: { file: name },
  });
}

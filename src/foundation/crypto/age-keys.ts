import { hkdfSync } from 'node:crypto';
import { Encrypter, generateX25519Identity, identityToRecipient, type Identity, type Recipient } from 'age-encryption';
import { parseSshIdentity, parseSshRecipient } from './age-ssh.ts';

/** A public key that files are sealed for. */
export interface AgeRecipient {
  /** As it stands in a recipients file: `age1…` or `ssh-ed25519 AAAA…`, without a comment. */
  readonly text: string;
  readonly key: string | Recipient;
}

/** A private key that opens files. */
export interface AgeIdentity {
  /** Its public half. */
  readonly recipient: string;
  readonly key: string | Identity;
  /** 32 bytes for a purpose, from the private key: the same each time, and nobody without the key can make them. */
  readonly derive: (purpose: string) => Buffer;
}

/** A new X25519 identity in the form of `age-keygen`: one secret line below two comments. */
export async function newIdentityFile(now: number): Promise<string> {
  const secret = await generateX25519Identity();
  const recipient = await identityToRecipient(secret);
  return `# created: ${new Date(now).toISOString()}\n# public key: ${recipient}\n${secret}\n`;
}

/**
 * Identities of a file: `AGE-SECRET-KEY-…` lines with comments, or an unencrypted OpenSSH ed25519 key.
 *
 * @returns undefined when the file holds none, or a line that is no identity; the line is never told
 */
export async function parseIdentities(text: string): Promise<AgeIdentity[] | undefined> {
  if (text.trimStart().startsWith('-----BEGIN OPENSSH PRIVATE KEY-----')) {
    const ssh = parseSshIdentity(text);
    return ssh && [{ recipient: ssh.recipient, key: ssh.identity, derive: deriver(ssh.seed) }];
  }
  const lines = contentLines(text);
  if (lines.length === 0 || !lines.every((line) => /^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(line))) return undefined;
  try {
    return await Promise.all(
      lines.map(async (key) => ({
        recipient: await identityToRecipient(key),
        key,
        derive: deriver(Buffer.from(key)),
      })),
    );
  } catch {
    return undefined; // a typing error: the checksum of the line does not fit
  }
}

/** One public key, with or without a comment behind it (SSH keys have one). Undefined when it is none. */
export function parseRecipient(text: string): AgeRecipient | undefined {
  const [type = '', data = ''] = text.trim().split(/\s+/);
  if (type === 'ssh-ed25519') {
    const key = parseSshRecipient(data);
    return key && { text: `${type} ${data}`, key };
  }
  try {
    new Encrypter().addRecipient(type); // knows all kinds, and checks the checksum
    return data === '' ? { text: type, key: type } : undefined;
  } catch {
    return undefined;
  }
}

export function contentLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function deriver(secret: Uint8Array): (purpose: string) => Buffer {
  return (purpose) => Buffer.from(hkdfSync('sha256', secret, 'vectabase/secrets', purpose, 32));
}

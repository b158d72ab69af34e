import { randomBytes } from 'node:crypto';
import { chmod, chown, link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SecretsPaths } from '../config/directory.ts';
import { environment } from '../config/environment.ts';
import { readFromStart } from '../config/runtime-file.ts';
import { VectabaseError } from '../core/errors.ts';
import { isAgeFile, openWithPassphrase } from './age.ts';
import { newIdentityFile, parseIdentities, type AgeIdentity } from './age-keys.ts';

/** As the systemd unit names it: `LoadCredential=vectabase-secrets-identity:…`. */
const CREDENTIAL = 'vectabase-secrets-identity';

export interface IdentitySearch {
  readonly paths: SecretsPaths;
  /** Setting `secrets.identityFile`. `fd:7`: opened for us by who started us. */
  readonly identityFile?: string | undefined;
  /** Asks a person; absent when there is none. */
  readonly askPassphrase?: ((file: string) => Promise<string>) | undefined;
}

/**
 * The private keys that open the secrets: from the setting, else systemd's credential, else `secrets/identity`.
 *
 * @throws VectabaseError SECRETS_KEY_MISSING, SECRETS_KEY_WRONG, SECRETS_LOCKED
 */
export async function findIdentities(search: IdentitySearch): Promise<[AgeIdentity, ...AgeIdentity[]]> {
  const file = await identityFileOf(search);
  const bytes = await readPrivate(file, search.paths);
  const text = isAgeFile(bytes) ? await unlock(bytes, file, search.askPassphrase) : bytes;
  const [first, ...more] = (await parseIdentities(text.toString('utf8'))) ?? [];
  if (first !== undefined) return [first, ...more];
  throw new VectabaseError('SECRETS_KEY_WRONG', {
    message: `${file} holds no private key that can be used`,
    hint: 'Use a file of age-keygen, or an OpenSSH key of type ed25519 without a passphrase (ssh-keygen -p takes it off a copy).',
    details: { file },
  });
}

/**
 * Makes what the secrets of an installation need, and nothing that is there: the directory, an identity, the list of
 * recipients with that identity alone, a .gitignore that lets only what is safe into git.
 *
 * Where there are sealed files and no identity, a new one would open none of them: it is made for a newcomer only, who
 * needs a public key to be let in with.
 *
 * @param options.auditOwner who the log of accesses is given to; needs root
 * @returns whether an identity was made
 */
export async function ensureSecretsHome(
  search: IdentitySearch,
  options: { now: number; newcomer?: boolean | undefined; auditOwner?: { uid: number; gid: number } | undefined },
): Promise<boolean> {
  const { paths } = search;
  const asRoot = process.getuid?.() === 0;
  // Root's daemon is another user, and reads here through an open descriptor: sealed files only.
  if (await mkdir(paths.directory, { recursive: true, mode: 0o700 }))
    await chmod(paths.directory, asRoot ? 0o755 : 0o700);
  await mkdir(paths.audit, { recursive: true, mode: 0o700 });
  if (options.auditOwner) await giveTo(paths.audit, options.auditOwner);
  await writeOnce(paths.ignore, GIT_IGNORE, 0o644);
  const sealed = (await readdir(paths.directory)).some((name) => name.endsWith('.env.age'));
  const own = (await identityFileOf(search)) === paths.identity && (!sealed || options.newcomer === true);
  const made = own && (await writeOnce(paths.identity, await newIdentityFile(options.now), 0o600));
  if (sealed && options.newcomer !== true) await readPrivate(await identityFileOf(search), paths);
  if (await exists(paths.recipients)) return made;
  if (sealed) throw lostRecipients(paths);
  const identities = await findIdentities(search);
  await writeOnce(paths.recipients, identities.map(({ recipient }) => `${recipient}\n`).join(''), 0o644);
  return made;
}

const GIT_IGNORE = '*\n!.gitignore\n!recipients\n!*.env.age\n';

async function identityFileOf({ paths, identityFile }: IdentitySearch): Promise<string> {
  if (identityFile !== undefined) return identityFile;
  const { CREDENTIALS_DIRECTORY: directory } = environment();
  const credential = directory === undefined ? undefined : path.join(directory, CREDENTIAL);
  return credential !== undefined && (await exists(credential)) ? credential : paths.identity;
}

/** A file that others can read is refused, as ssh does. systemd's credentials are 0440 in a directory closed to others. */
async function readPrivate(file: string, paths: SecretsPaths): Promise<Buffer> {
  const descriptor = /^fd:(\d+)$/.exec(file)?.[1];
  try {
    // By its number: below /proc it would be opened again, which is not ours to do.
    if (descriptor !== undefined) return readFromStart(Number(descriptor));
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0 && path.basename(file) !== CREDENTIAL) throw openToOthers(file);
    return await readFile(file);
  } catch (error) {
    if (error instanceof VectabaseError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new VectabaseError('SECRETS_KEY_MISSING', {
      message:
        code === 'ENOENT'
          ? `the private key that opens the secrets is not there: ${file}`
          : `the private key that opens the secrets cannot be read: ${file} (${code ?? 'error'})`,
      hint: [
        file === paths.identity
          ? `Bring ${file} back from your own copy, or name another with VECTABASE_SECRETS_IDENTITY_FILE.`
          : `Bring ${file} back, or correct secrets.identityFile (VECTABASE_SECRETS_IDENTITY_FILE).`,
        'A new colleague runs vectabase secrets recipients list, which makes a key and shows its public half.',
      ].join('\n'),
      details: { file },
    });
  }
}

async function unlock(bytes: Buffer, file: string, ask: IdentitySearch['askPassphrase']): Promise<Buffer> {
  if (ask === undefined) {
    throw new VectabaseError('SECRETS_LOCKED', {
      message: `${file} is protected by a passphrase, and there is no terminal to ask for it`,
      hint: 'Run the command in a terminal; for servers, hand over an identity without a passphrase as a systemd credential.',
      details: { file },
    });
  }
  try {
    return await openWithPassphrase(bytes, await ask(file), file);
  } catch (error) {
    if (!(error instanceof VectabaseError) || error.code !== 'SECRETS_KEY_WRONG') throw error;
    throw new VectabaseError('SECRETS_KEY_WRONG', {
      message: `that is not the passphrase of ${file}`,
      hint: 'Run the command again.',
      details: { file },
    });
  }
}

/** Whole under its name at once, and never over one that is there: of two first uses one wins. */
async function writeOnce(file: string, text: string, mode: number): Promise<boolean> {
  if (await exists(file)) return false;
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(fresh, text, { mode, flag: 'wx', flush: true });
    await link(fresh, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(fresh, { force: true });
  }
}

async function giveTo(directory: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if ((await stat(directory)).uid === uid) return;
  for (const name of await readdir(directory)) await chown(path.join(directory, name), uid, gid);
  await chown(directory, uid, gid);
}

async function exists(file: string): Promise<boolean> {
  return /^fd:\d+$/.test(file) || (await stat(file).catch(() => undefined)) !== undefined;
}

function openToOthers(file: string): VectabaseError {
  return new VectabaseError('SECRETS_KEY_MISSING', {
    message: `${file} is a private key, and others can read it`,
    hint: `Run chmod 600 ${file}. If others had the chance to copy it, replace it: docs/secrets.md tells how.`,
    details: { file },
  });
}

function lostRecipients(paths: SecretsPaths): VectabaseError {
  return new VectabaseError('SECRETS_FILE_INVALID', {
    message: `${paths.recipients} is gone, and there are files that were sealed for those it named`,
    hint: `Bring it back: git checkout -- ${paths.recipients}. Or write the public keys of all who may open them into it.`,
    details: { file: paths.recipients },
  });
}

import { randomUUID } from 'node:crypto';
import { chown, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { InstallationPaths } from '../../foundation/config/directory.ts';
import type { Settings } from '../../foundation/config/definitions.ts';
import type { RuntimeConfig } from '../../foundation/config/runtime-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { ClusterPlace } from './directory.ts';

/**
 * Makes the directory of templates and, in it, the one where letters lie while there is no mail server. The daemon's
 * user must get there, so both are beside the cluster when the installation's own directory is closed to that user.
 */
export async function ensureMailDirectory(
  { directory }: InstallationPaths,
  { outside, paths, runAs }: ClusterPlace,
): Promise<Record<'mailDirectory' | 'mailOutbox' | 'mailInboxKey', string>> {
  const mailDirectory = path.join(outside ? paths.home : directory, 'mail');
  const mailOutbox = path.join(mailDirectory, 'outbox');
  await mkdir(mailDirectory, { recursive: true, mode: runAs ? 0o755 : 0o700 });
  await mkdir(mailOutbox, { recursive: true, mode: 0o700 });
  if (runAs) await chown(mailOutbox, runAs.uid, runAs.gid);
  return { mailDirectory, mailOutbox, mailInboxKey: randomUUID() };
}

/** Secrets that lie in files, handed over with the settings: the daemon's user may not be able to read the files. */
export async function withSecretsRead({ auth, mail }: Settings): Promise<Pick<RuntimeConfig, 'auth' | 'mail'>> {
  const external = await Promise.all(
    Object.entries(auth.external).map(async ([name, { secretFile, ...provider }]) => {
      const read = await readSecret(secretFile, `auth.external.${name}.secretFile`);
      return [name, { ...provider, secret: provider.secret ?? read }] as const;
    }),
  );
  const { smtpPasswordFile, ...rest } = mail;
  const password = mail.smtpPassword ?? (await readSecret(smtpPasswordFile, 'mail.smtpPasswordFile'));
  return { auth: { ...auth, external: Object.fromEntries(external) }, mail: { ...rest, smtpPassword: password } };
}

async function readSecret(file: string | undefined, setting: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new VectabaseError('CONFIG_INVALID', {
      message: `${setting}: ${file} cannot be read`,
      hint: 'Correct the path in vectabase.yml, or write the secret into that file.',
      cause,
    });
  }
}

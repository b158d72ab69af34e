import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { passesCheck } from '../../../foundation/encryption/master-key-check.ts';
import { parseMasterKey } from '../../../foundation/crypto/master-key.ts';
import { environment, MASTER_KEY_VARIABLE } from '../../../foundation/config/environment.ts';
import type { CertificateFacts, FileFacts, KeyFacts } from '../facts.ts';
import type { Place } from '../place.ts';

/** @param authority PEM text of the one that should have signed */
export async function lookAtCertificate(
  name: string,
  file: string,
  keyFile: string | undefined,
  authority: string | undefined,
): Promise<CertificateFacts> {
  try {
    const certificate = new X509Certificate(await readFile(file));
    const key = keyFile === undefined ? undefined : createPrivateKey(await readFile(keyFile));
    const signed = authority === undefined || certificate.verify(new X509Certificate(authority).publicKey);
    return {
      name,
      file,
      expiresAt: Date.parse(certificate.validTo),
      trusted: signed && (key === undefined || certificate.checkPrivateKey(key)),
    };
  } catch {
    return { name, file, expiresAt: null, trusted: false };
  }
}

/** The authority and what Postgres presents; both are renewed by a start or an install. */
export async function lookAtCertificates({ paths, cluster }: Place): Promise<CertificateFacts[]> {
  const { caCertificate, caKey } = paths.tls;
  const authority = await readFile(caCertificate, 'utf8').catch(() => undefined);
  return Promise.all([
    lookAtCertificate('authority', caCertificate, caKey, authority),
    lookAtCertificate('server', cluster.serverCertificate, cluster.serverKey, authority),
  ]);
}

/** Secrets, and what cannot be made again. */
export async function lookAtFiles({ paths, cluster, kind }: Place): Promise<FileFacts[]> {
  const wanted: ReadonlyArray<readonly [file: string, forbidden: number, required: boolean]> = [
    [paths.keys, 0o077, true],
    [paths.masterKey, 0o077, false],
    [paths.tls.caKey, 0o077, true],
    [paths.daemonConfig, 0o077 & ~(kind === 'machine' ? 0o040 : 0), false],
    [paths.secrets.identity, 0o077, false],
    [cluster.serverKey, 0o037, true],
    [cluster.data, 0o027, true],
    [cluster.masterKeyCheck, 0, true],
    [path.dirname(paths.tls.caKey), 0o022, true],
  ];
  return Promise.all(
    wanted.map(async ([file, forbidden, required]) => {
      const found = await stat(file).catch(() => undefined);
      return { path: file, forbidden, mode: found === undefined ? null : found.mode & 0o777, required };
    }),
  );
}

/** @param hasRecoveryKey of the backups' own books */
export async function lookAtKeys({ paths, cluster }: Place, hasRecoveryKey: boolean): Promise<KeyFacts> {
  const sealed = (name: string): string => path.join(INSTALLED.private, 'credentials', `${name}.cred`);
  const [masterKey, identity, names] = await Promise.all([
    judgeMasterKey(paths.masterKey, cluster.masterKeyCheck, sealed('vectabase-master-key')),
    stat(paths.secrets.identity).catch(() => undefined),
    readdir(paths.secrets.directory).catch(() => [] as string[]),
  ]);
  return {
    masterKey,
    secretsIdentity: identity !== undefined || existsSync(sealed('vectabase-secrets-identity')),
    secretFiles: names.filter((name) => name.endsWith('.env.age')).length,
    recoveryKey: hasRecoveryKey,
  };
}

async function judgeMasterKey(file: string, checkFile: string, sealed: string): Promise<KeyFacts['masterKey']> {
  const text = environment()[MASTER_KEY_VARIABLE] ?? (await readFile(file, 'utf8').catch(() => undefined));
  // Sealed for systemd: only the units are handed it, and each start proves it.
  if (text === undefined && existsSync(sealed)) return 'credential';
  const key = text === undefined ? undefined : parseMasterKey(text);
  if (key === undefined) return text === undefined ? 'missing' : 'wrong';
  const passes = await passesCheck(checkFile, key);
  return passes === undefined ? 'unproved' : passes ? 'right' : 'wrong';
}

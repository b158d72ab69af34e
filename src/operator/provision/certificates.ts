import { readFile } from 'node:fs/promises';
import type { InstallationPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import {
  isServerCertificateGood,
  newAuthority,
  newServerCertificate,
  type CertifiedKey,
} from '../../foundation/crypto/certificates.ts';
import type { Ensured } from './step.ts';

/**
 * A local authority, made once for ten years, and a server certificate from it for loopback and `addresses`, renewed 60
 * days before its end.
 */
export async function ensureCertificates(
  { tls }: InstallationPaths,
  name: string,
  now: number,
  addresses: readonly string[] = [],
): Promise<Ensured<CertifiedKey>> {
  const known = await readPair(tls.caCertificate, tls.caKey);
  const authority = known ?? (await newAuthority(name, now));
  // Key first: a certificate without its key cannot sign, and is made anew.
  if (!known) await writePair(tls.caCertificate, tls.caKey, authority);
  const server = await readPair(tls.serverCertificate, tls.serverKey);
  if (server && isServerCertificateGood(server.certificate, authority.certificate, now, addresses)) {
    return { value: server, changed: !known };
  }
  const fresh = await newServerCertificate(authority, now, addresses);
  await writePair(tls.serverCertificate, tls.serverKey, fresh);
  return { value: fresh, changed: true };
}

/** What there is, and whether `ensureCertificates` would leave it as it is. */
export async function readCertificates(
  { tls }: Pick<InstallationPaths, 'tls'>,
  now: number,
  addresses: readonly string[],
): Promise<{ readonly authority: string; readonly server: CertifiedKey; readonly good: boolean } | undefined> {
  const [authority, server] = await Promise.all([
    readPair(tls.caCertificate, tls.caKey),
    readPair(tls.serverCertificate, tls.serverKey),
  ]);
  if (!authority || !server) return undefined;
  const good = isServerCertificateGood(server.certificate, authority.certificate, now, addresses);
  return { authority: authority.certificate, server, good };
}

async function writePair(certificate: string, key: string, pair: CertifiedKey): Promise<void> {
  await writeDurably(key, pair.privateKey);
  // Public: clients of other users verify the server with ca.crt.
  await writeDurably(certificate, pair.certificate, { mode: 0o644 });
}

async function readPair(certificate: string, key: string): Promise<CertifiedKey | undefined> {
  try {
    const [certificateText, privateKey] = await Promise.all([readFile(certificate, 'utf8'), readFile(key, 'utf8')]);
    return { certificate: certificateText, privateKey };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

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

/** A local authority, made once for ten years, and a server certificate from it, renewed 60 days before its end. */
export async function ensureCertificates(
  { tls }: InstallationPaths,
  name: string,
  now: number,
): Promise<Ensured<CertifiedKey>> {
  const known = await readPair(tls.caCertificate, tls.caKey);
  const authority = known ?? (await newAuthority(name, now));
  // Key first: a certificate without its key cannot sign, and is made anew.
  if (!known) await writePair(tls.caCertificate, tls.caKey, authority);
  const server = await readPair(tls.serverCertificate, tls.serverKey);
  if (server && isServerCertificateGood(server.certificate, authority.certificate, now)) {
    return { value: server, changed: !known };
  }
  const fresh = await newServerCertificate(authority, now);
  await writePair(tls.serverCertificate, tls.serverKey, fresh);
  return { value: fresh, changed: true };
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

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { InstallSettings } from '../step.ts';

/** The owner's certificate and key, as they lie on the machine. */
export interface OwnCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** @throws VectabaseError USAGE when they are not named */
export function ownCertificate({ certificateFile, certificateKeyFile }: InstallSettings): OwnCertificate {
  if (certificateFile !== undefined && certificateKeyFile !== undefined) {
    return { certificate: certificateFile, key: certificateKeyFile };
  }
  throw new VectabaseError('USAGE', {
    message: 'an own certificate is asked for, and its files are not named',
    hint: 'Name both: --certificate FILE --certificate-key FILE',
  });
}

/**
 * Would clients accept it? It fits its key, covers the name, has begun and not ended, and nobody else reads the key.
 *
 * @throws VectabaseError PRECONDITION_FAILED
 */
export async function requireGoodCertificate(own: OwnCertificate, publicUrl: string, now: number): Promise<void> {
  const certificate = await parsed(own.certificate, (pem) => new X509Certificate(pem));
  const key = await parsed(own.key, (pem) => createPrivateKey(pem));
  const host = new URL(publicUrl).hostname;
  const { mode } = await stat(own.key);
  if ((mode & 0o077) !== 0) throw unfit(`${own.key} can be read by others`, `Run: chmod 600 ${own.key}`);
  if (!certificate.checkPrivateKey(key)) {
    throw unfit(
      `${own.key} is not the key of ${own.certificate}`,
      'Name the key that the certificate was asked for with.',
    );
  }
  if (certificate.checkHost(host) === undefined) {
    throw unfit(
      `${own.certificate} is not for ${host}`,
      `Get one for ${host}, or use --edge caddy, which gets its own.`,
    );
  }
  if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
    throw unfit(`${own.certificate} holds from ${certificate.validFrom} to ${certificate.validTo}`, 'Renew it.');
  }
}

async function parsed<T>(file: string, parse: (pem: Buffer) => T): Promise<T> {
  try {
    return parse(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'is not there' : 'cannot be read as PEM';
    throw unfit(`${file} ${what}`, 'Name the files with --certificate FILE --certificate-key FILE.', error);
  }
}

function unfit(message: string, hint: string, cause?: unknown): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', { message, hint, cause });
}

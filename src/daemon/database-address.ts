import { readFileSync } from 'node:fs';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import { isLocal, type DatabaseAddress } from '../foundation/postgres/address.ts';

/**
 * The database that is served. On this machine TLS protects nothing, so it is taken or left; to another one the
 * connection is encrypted unless the file says otherwise.
 *
 * @throws VectabaseError CONFIG_INVALID for a certificate that cannot be read
 */
export function databaseAddress({ database }: RuntimeConfig): DatabaseAddress {
  const { host, sslMode = isLocal(host) ? 'prefer' : 'require', rootCertificate, password } = database;
  return { ...database, password, sslMode, rootCertificate: rootCertificate && readCertificate(rootCertificate) };
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new VectabaseError('CONFIG_INVALID', {
      message: `database.rootCertificate: ${file} cannot be read`,
      hint: "Name a PEM file that the daemon's user can read.",
      cause,
    });
  }
}

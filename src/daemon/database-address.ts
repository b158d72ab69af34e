import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import type { DatabaseAddress } from '../foundation/postgres/address.ts';

/** The database is next door: a socket, or loopback. TLS to oneself protects nothing. */
export function databaseAddress({ database }: RuntimeConfig): DatabaseAddress {
  return { ...database, password: database.password, sslMode: 'prefer', rootCertificate: undefined };
}

import { formatDatabaseUrl } from '../../foundation/postgres/address.ts';
import type { RunningInstallation } from '../../foundation/postgres/installation.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';

export interface OwnerUrl {
  /** Verifies the server without further settings, in libpq and node-postgres alike. */
  readonly url: string;
}

/**
 * What an owner's own program connects with, as role `postgres`.
 *
 * @throws VectabaseError PRECONDITION_FAILED for a pooler where there is none
 */
export function ownerUrl(
  { ownerAddress, authorityFile, poolerPort }: RunningInstallation,
  { pooler, password }: { readonly pooler: boolean; readonly password: boolean },
): OwnerUrl {
  if (pooler && poolerPort === undefined) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'there is no PgBouncer beside vectabase up',
      hint: 'Leave --pooler out; an installed server has one: sudo vectabase install.',
    });
  }
  const address = pooler && poolerPort !== undefined ? { ...ownerAddress, port: poolerPort } : ownerAddress;
  const root = encodeURIComponent(authorityFile).replaceAll('%2F', '/');
  return { url: `${formatDatabaseUrl(address, { password })}&sslrootcert=${root}` };
}

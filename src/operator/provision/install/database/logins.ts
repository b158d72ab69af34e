import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../../../foundation/postgres/address.ts';
import { SUPERUSER, type InstallationKeys } from '../../../../foundation/postgres/installation.ts';
import { Session } from '../../../../foundation/postgres/session.ts';

/**
 * As a client meets the server, Postgres or PgBouncer: the owner comes in by TLS with a certificate that names the
 * server, and neither without TLS nor as a superuser.
 *
 * @throws VectabaseError INSTALL_UNPROVEN; DATABASE_UNREACHABLE, DATABASE_AUTH_FAILED
 */
export async function verifyLogins(
  owner: DatabaseAddress,
  { passwords }: Pick<InstallationKeys, 'passwords'>,
): Promise<void> {
  const session = await open(owner);
  await session.close();
  await refuse({ ...owner, sslMode: 'disable' }, 'a login without TLS');
  await refuse({ ...owner, user: SUPERUSER, password: passwords[SUPERUSER] }, 'the superuser by the network');
}

async function refuse(address: DatabaseAddress, what: string): Promise<void> {
  const session = await open(address).catch(() => undefined);
  if (session === undefined) return;
  await session.close();
  throw new VectabaseError('INSTALL_UNPROVEN', {
    message: `port ${address.port} lets ${what} in`,
    hint: 'Look for rules of your own in pg_hba.d before 50-vectabase.conf, and for settings in conf.d after it.',
    details: { port: address.port, user: address.user },
  });
}

async function open(address: DatabaseAddress): Promise<Session> {
  return Session.open(address, { applicationName: 'vectabase install' });
}

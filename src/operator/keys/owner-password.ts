import { newPassword, scramVerifier } from '../../foundation/crypto/passwords.ts';
import { readRunningInstallation } from '../../foundation/postgres/installation.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { changeKeys } from './store.ts';

/**
 * Gives the role `postgres` a new password: first in the file of record, then in the database. Stopped between the two,
 * the next `up` or `install` sets it. PgBouncer asks the database at each login, and who is connected stays so.
 *
 * @throws VectabaseError INSTALLATION_MISSING, DATABASE_UNREACHABLE
 */
export async function rotateOwnerPassword(dir: string): Promise<void> {
  const { adminAddress } = await readRunningInstallation(dir);
  const session = await Session.open(adminAddress, { applicationName: 'vectabase db rotate-password' });
  try {
    await changeKeys(dir, async (keys) => {
      const postgres = newPassword();
      return { keys: { ...keys, passwords: { ...keys.passwords, postgres } }, value: undefined };
    });
    const { keys } = await readRunningInstallation(dir);
    const verifier = await scramVerifier(keys.passwords.postgres);
    await session.rows('select vectabase.set_role_password($1, $2)', ['postgres', verifier]);
  } finally {
    await session.close();
  }
}

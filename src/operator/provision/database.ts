import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isScramVerifierOf, scramVerifier } from '../../foundation/crypto/passwords.ts';
import type { InstallationKeys } from '../../foundation/postgres/installation.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { applyTemplates } from '../../foundation/postgres/templates.ts';
import type { Ensured } from './step.ts';

/** Directories of templates/sql, in their order. */
const AREAS = ['platform', 'provision', 'gateway', 'encryption'];

/** Brings the database to this release's schemas and roles, and gives the roles their passwords. */
export async function ensureSchema(address: DatabaseAddress, keys: InstallationKeys): Promise<Ensured<void>> {
  const session = await Session.open(address, { applicationName: 'vectabase up' });
  try {
    let changed = false;
    for (const area of AREAS) changed = (await applyTemplates(session, area)).applied.length > 0 || changed;
    const first = await ensurePassword(session, 'postgres', keys.passwords.postgres);
    const second = await ensurePassword(session, 'authenticator', keys.passwords.authenticator);
    return { value: undefined, changed: changed || first || second };
  } finally {
    await session.close();
  }
}

/** `keys.json` is the place of record: a password changed elsewhere is set back to what the URLs say. */
async function ensurePassword(session: Session, role: string, password: string): Promise<boolean> {
  const [found] = await session.rows<{ verifier: string | null }>(
    'select rolpassword as verifier from pg_catalog.pg_authid where rolname = $1',
    [role],
  );
  if (found?.verifier && (await isScramVerifierOf(found.verifier, password))) return false;
  await session.rows('select vectabase.set_role_password($1, $2)', [role, await scramVerifier(password)]);
  return true;
}

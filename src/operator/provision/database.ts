import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isScramVerifierOf, scramVerifier } from '../../foundation/crypto/passwords.ts';
import { LOGIN_ROLES, SUPERUSER, type InstallationKeys } from '../../foundation/postgres/installation.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { applyTemplates, pendingTemplates } from '../../foundation/postgres/templates.ts';
import type { Ensured } from './step.ts';

/** Directories of templates/sql, in their order. */
const AREAS = ['platform', 'provision', 'gateway', 'encryption', 'mail', 'backup', 'jobs'];

/** Brings the database to this release's schemas and roles, and gives the roles their passwords. */
export async function ensureSchema(address: DatabaseAddress, keys: InstallationKeys): Promise<Ensured<void>> {
  const session = await Session.open(address, { applicationName: 'vectabase' });
  try {
    let changed = false;
    for (const area of AREAS) changed = (await applyTemplates(session, area)).applied.length > 0 || changed;
    for (const role of LOGIN_ROLES) {
      // The superuser's is set by initdb, and we have just logged in with it.
      if (role !== SUPERUSER) changed = (await ensurePassword(session, role, keys.passwords[role])) || changed;
    }
    return { value: undefined, changed };
  } finally {
    await session.close();
  }
}

/** What `ensureSchema` would change now: names of steps and roles. */
export async function missingSchema(
  address: DatabaseAddress,
  keys: InstallationKeys,
): Promise<{ readonly steps: readonly string[]; readonly passwords: readonly string[] }> {
  const session = await Session.open(address, { applicationName: 'vectabase' });
  try {
    const steps: string[] = [];
    for (const area of AREAS) {
      steps.push(...(await pendingTemplates(session, area)).map((name) => `${area}/${name}`));
    }
    const passwords: string[] = [];
    for (const role of LOGIN_ROLES) {
      if (role !== SUPERUSER && !(await hasPassword(session, role, keys.passwords[role]))) passwords.push(role);
    }
    return { steps, passwords };
  } finally {
    await session.close();
  }
}

/** `keys.json` is the place of record: a password changed elsewhere is set back to what the URLs say. */
async function ensurePassword(session: Session, role: string, password: string): Promise<boolean> {
  if (await hasPassword(session, role, password)) return false;
  await session.rows('select vectabase.set_role_password($1, $2)', [role, await scramVerifier(password)]);
  return true;
}

async function hasPassword(session: Session, role: string, password: string): Promise<boolean> {
  const [found] = await session.rows<{ verifier: string | null }>(
    'select rolpassword as verifier from pg_catalog.pg_authid where rolname = $1',
    [role],
  );
  const { verifier = null } = found ?? {};
  return verifier !== null && (await isScramVerifierOf(verifier, password));
}

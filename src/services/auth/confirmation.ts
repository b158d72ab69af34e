import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import type { Call } from './router.ts';
import { audit } from './store/audit.ts';
import { iso, type Tx } from './store/rows.ts';
import { updateUser, type UserRow } from './store/users.ts';

/** Asks the owner of a new account's address to confirm it. Only where mail can be delivered. */
export async function requestConfirmation(tx: Tx, user: UserRow, call: Call, context: AuthContext): Promise<UserRow> {
  const now = context.now();
  const traits = { provider: 'email' };
  await audit(tx, 'user_confirmation_requested', { actor: user, ip: call.request.ip, traits }, now);
  return updateUser(tx, user.id, { confirmation_sent_at: iso(now) }, now);
}

/** Asks for a letter's answer before an address replaces another one. */
export async function requestEmailChange(
  tx: Tx,
  user: UserRow,
  email: string,
  _call: Call,
  context: AuthContext,
): Promise<UserRow> {
  const now = context.now();
  return updateUser(tx, user.id, { email_change: email, email_change_sent_at: iso(now) }, now);
}

/**
 * Checks the code of the letter that `GET /reauthenticate` sends.
 *
 * @throws AuthError reauthentication_not_valid
 */
export async function verifyReauthentication(_user: UserRow, _nonce: string, _context: AuthContext): Promise<void> {
  throw new AuthError('reauthentication_not_valid', 'Nonce has expired or is invalid');
}

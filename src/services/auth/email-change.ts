import { confirmEmail, replaceEmail } from './account.ts';
import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import { isOpen, type CodeType } from './one-time-code.ts';
import type { Call } from './router.ts';
import { audit } from './store/audit.ts';
import type { Tx } from './store/rows.ts';
import { findUserByEmail, lockAddress, updateUser, type UserRow } from './store/users.ts';

/** `email_change_confirm_status` after one of two letters was answered. */
const HALF = 1;

/**
 * One letter of a change of address was answered, and is void already. With secure changes the other one must be
 * answered too; the last answer changes the address and voids every other letter that is out.
 *
 * @returns undefined while the other letter is open
 * @throws AuthError otp_expired when no change is under way, email_exists when somebody else has the address by now
 */
export async function completeEmailChange(
  tx: Tx,
  user: UserRow,
  answered: CodeType,
  call: Call,
  context: AuthContext,
): Promise<UserRow | undefined> {
  const now = context.now();
  const wanted = user.email_change ?? '';
  if (wanted === '') throw new AuthError('otp_expired', 'Email link is invalid or has expired');
  const other = answered === 'email_change_token_new' ? 'email_change_token_current' : 'email_change_token_new';
  if (isOpen(user, other)) {
    await updateUser(tx, user.id, { email_change_confirm_status: HALF }, now);
    return undefined;
  }
  // Only the answer from the new address, at whatever time, can make it the user's.
  const proven = answered === 'email_change_token_new' || user.email_change_confirm_status === HALF;
  if (!proven) throw new AuthError('otp_expired', 'Email link is invalid or has expired');
  await lockAddress(tx, wanted);
  const holder = await findUserByEmail(tx, wanted);
  if (holder && holder.id !== user.id) {
    throw new AuthError('email_exists', 'A user with this email address has already been registered');
  }
  const renamed = await replaceEmail(tx, user, wanted, now);
  await audit(tx, 'user_modified', { actor: renamed, ip: call.request.ip }, now);
  return confirmEmail(tx, renamed, now);
}

import { isTooLong } from '../../foundation/crypto/password-hash.ts';
import { text } from './body.ts';
import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import { assertWithin, LIMITS } from './limits.ts';
import { refused, type Reply } from './message.ts';
import { weaknessOf } from './password-policy.ts';
import type { Call } from './router.ts';
import { signIn } from './session.ts';
import { audit } from './store/audit.ts';
import { directly, type Tx } from './store/rows.ts';
import { findUserByEmail, isBanned, lockUser, updateUser, type UserRow } from './store/users.ts';

/** `POST /token?grant_type=password` */
export async function passwordGrant(call: Call, context: AuthContext): Promise<Reply> {
  const { database, passwords } = context;
  const { email, password } = readCredentials(call, context);
  await assertWithin(LIMITS.account, call.request, context, email);
  const user = await findUserByEmail(directly(database), email);
  // Between two transactions, so that a quarter second of hashing holds no connection.
  const { ok, weak } = await passwords.verify(user?.encrypted_password, password);
  if (!user || !ok) {
    if (user) recordFailure(user, call, context);
    throw invalidCredentials();
  }
  // bcrypt would cut a longer one, and the next sign-in would fail.
  const stronger = weak && !isTooLong(password) ? await passwords.hash(password) : undefined;
  return database.transaction(async (tx) => {
    const current = await lockUser(tx, user.id);
    // A password that was changed meanwhile is not the one that was checked.
    if (!current || current.encrypted_password !== user.encrypted_password) throw invalidCredentials();
    return enter(tx, current, { password, stronger }, call, context);
  });
}

/** The same words for an unknown account, one without a password, and a wrong password. */
function invalidCredentials(): AuthError {
  return new AuthError('invalid_credentials', 'Invalid login credentials');
}

/** Not waited for: the time that writing takes would tell that the account exists. */
function recordFailure(user: UserRow, { request: { ip, id } }: Call, { database, now, report }: AuthContext): void {
  database
    .transaction((tx) => audit(tx, 'login_failed', { actor: user, ip }, now()))
    .catch((cause: unknown) => report('a failed sign-in is not in the audit log', { requestId: id, cause }));
}

/** @throws AuthError validation_failed, email_provider_disabled, phone_provider_disabled */
function readCredentials(call: Call, { config }: AuthContext): { email: string; password: string } {
  const body = call.body();
  const email = (text(body, 'email') ?? '').trim().toLowerCase();
  const phone = text(body, 'phone') ?? '';
  if (email !== '' && phone !== '') {
    throw new AuthError('validation_failed', 'Only an email address or phone number should be provided on login.');
  }
  if (phone !== '') throw new AuthError('phone_provider_disabled', 'Phone logins are disabled', { status: 422 });
  if (email === '') throw new AuthError('validation_failed', 'missing email or phone');
  if (!config.email) throw new AuthError('email_provider_disabled', 'Email logins are disabled', { status: 422 });
  return { email, password: text(body, 'password') ?? '' };
}

/** The password was right. What else stands against a login is told only now: it would tell who has an account. */
async function enter(
  tx: Tx,
  user: UserRow,
  { password, stronger }: { readonly password: string; readonly stronger: string | undefined },
  call: Call,
  context: AuthContext,
): Promise<Reply> {
  const now = context.now();
  if (isBanned(user, now)) return refused(new AuthError('user_banned', 'User is banned'));
  if (!user.email_confirmed_at) return refused(new AuthError('email_not_confirmed', 'Email not confirmed'));
  const current = stronger ? await updateUser(tx, user.id, { encrypted_password: stronger }, now) : user;
  await audit(tx, 'login', { actor: current, ip: call.request.ip, traits: { provider: 'email' } }, now);
  const weakness = weaknessOf(password, context.config);
  const more = weakness && { weak_password: weakness };
  return signIn(tx, current, 'password', call.request, context, more);
}

import { confirmEmail, replaceEmail, replacePassword } from '../account.ts';
import { object, text, type JsonObject } from '../body.ts';
import { requestEmailChange, verifyReauthentication } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';
import { readEmail } from '../identifiers.ts';
import { LIMITS } from '../limits.ts';
import type { Reply } from '../message.ts';
import { assertGoodPassword } from '../password-policy.ts';
import { forUser, type Route, type UserCall } from '../router.ts';
import { assurance, describeUser } from '../session.ts';
import { findAmr } from '../store/amr.ts';
import { audit } from '../store/audit.ts';
import { findFactors } from '../store/factors.ts';
import { directly, millis, type Tx } from '../store/rows.ts';
import { findUserByEmail, lockAddress, lockUser, mergedMetadata, updateUser, type UserRow } from '../store/users.ts';

export const userRoutes: readonly Route[] = [
  forUser('GET', '/user', async ({ user }, { database }) => ({
    status: 200,
    body: await describeUser(directly(database), user),
  })),
  forUser('PUT', '/user', changeUser, LIMITS.otp),
];

interface Wish {
  /** Another address than the one the user has. */
  readonly email: string | undefined;
  readonly password: string | undefined;
  readonly currentPassword: string | undefined;
  readonly nonce: string | undefined;
  readonly data: JsonObject | undefined;
}

async function changeUser(call: UserCall, context: AuthContext): Promise<Reply> {
  const wish = readWish(call);
  await assertAllowed(call, wish, context);
  if (wish.password !== undefined) await assertPasswordChange(call, wish, wish.password, context);
  const hash = wish.password === undefined ? undefined : await context.passwords.hash(wish.password);
  const reply = await context.database.transaction(async (tx) => {
    const now = context.now();
    const { ip } = call.request;
    let user = await lockUser(tx, call.user.id);
    if (!user) throw new AuthError('user_not_found', 'User from sub claim in JWT does not exist', { status: 403 });
    if (hash !== undefined) user = await replacePassword(tx, user, hash, { keep: call.session?.id, ip, now });
    if (wish.data) {
      const merged = mergedMetadata(user.raw_user_meta_data, wish.data);
      user = await updateUser(tx, user.id, { raw_user_meta_data: merged }, now);
    }
    if (wish.email !== undefined) user = await changeEmail(tx, user, wish.email, call, context);
    await audit(tx, 'user_modified', { actor: user, ip }, now);
    return { status: 200, body: await describeUser(tx, user) };
  });
  context.mail.wake();
  return reply;
}

function readWish(call: UserCall): Wish {
  const body = call.body();
  if (object(body, 'app_metadata')) {
    throw new AuthError('not_admin', 'Updating app_metadata requires admin privileges', { status: 403 });
  }
  if (text(body, 'phone')) throw new AuthError('phone_provider_disabled', 'Phone numbers cannot be changed here');
  const email = text(body, 'email');
  const wanted = email ? readEmail(email) : undefined;
  return {
    email: wanted === call.user.email ? undefined : wanted,
    password: text(body, 'password') || undefined,
    currentPassword: text(body, 'current_password'),
    nonce: text(body, 'nonce'),
    data: object(body, 'data'),
  };
}

/** @throws AuthError insufficient_aal, user_sso_managed, validation_failed */
async function assertAllowed({ user, session }: UserCall, wish: Wish, context: AuthContext): Promise<void> {
  const { email, password } = wish;
  if (email === undefined && password === undefined) return;
  if (user.is_sso_user) {
    const message = 'Updating email, phone, password of a SSO account only possible via SSO';
    throw new AuthError('user_sso_managed', message);
  }
  if (user.is_anonymous && password !== undefined && email === undefined && !user.email) {
    const message = 'Updating password of an anonymous user without an email or phone is not allowed';
    throw new AuthError('validation_failed', message, { status: 422 });
  }
  await context.database.transaction(async (tx) => {
    const factors = await findFactors(tx, user.id);
    const strong = session && assurance(session, await findAmr(tx, session.id)) === 'aal2';
    if (factors.some(({ status }) => status === 'verified') && !strong) {
      const message = 'AAL2 session is required to update email or password when MFA is enabled.';
      throw new AuthError('insufficient_aal', message);
    }
  });
}

/** A session that is older than this is asked for more than its token, where that is switched on. */
const RECENT = 24 * 60 * 60 * 1000;

/** @throws AuthError weak_password, reauthentication_needed, current_password_required, current_password_invalid, same_password */
async function assertPasswordChange(
  { user, session }: UserCall,
  { currentPassword, nonce }: Wish,
  password: string,
  context: AuthContext,
): Promise<void> {
  const { config, passwords } = context;
  await assertGoodPassword(password, context);
  const recent = session?.created_at && context.now() - millis(session.created_at) < RECENT;
  if (config.passwordReauthentication && !recent) {
    if (!nonce) throw new AuthError('reauthentication_needed', 'Password update requires reauthentication');
    await verifyReauthentication(user, nonce, context);
  }
  if (!user.encrypted_password) return;
  if (config.passwordRequireCurrent) {
    if (!currentPassword) {
      throw new AuthError('current_password_required', 'Current password required when setting new password.');
    }
    if (!(await passwords.verify(user.encrypted_password, currentPassword)).ok) {
      throw new AuthError('current_password_invalid', 'Current password required when setting new password.');
    }
  }
  if ((await passwords.verify(user.encrypted_password, password)).ok) {
    throw new AuthError('same_password', 'New password should be different from the old password.');
  }
}

/**
 * An address is taken over when its owner answers; at once only where nobody is ever asked.
 *
 * @throws AuthError email_exists, email_provider_disabled
 */
async function changeEmail(
  tx: Tx,
  user: UserRow,
  email: string,
  call: UserCall,
  context: AuthContext,
): Promise<UserRow> {
  await lockAddress(tx, email);
  if (await findUserByEmail(tx, email)) {
    throw new AuthError('email_exists', 'A user with this email address has already been registered');
  }
  const now = context.now();
  if (!context.mail.available && !context.config.autoconfirm && !user.is_anonymous) {
    throw new AuthError('email_provider_disabled', 'Email addresses cannot be changed without a mail server');
  }
  const atOnce = !context.mail.available || (user.is_anonymous && context.config.autoconfirm);
  if (!atOnce) return requestEmailChange(tx, user, email, call, context);
  return confirmEmail(tx, await replaceEmail(tx, user, email, now), now);
}

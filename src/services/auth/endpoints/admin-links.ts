import { isUuid, object, text } from '../body.ts';
import { postTo, redirectOf } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { makeEmailUser } from '../email-user.ts';
import { AuthError } from '../errors.ts';
import { readEmail } from '../identifiers.ts';
import { confirmationUrl } from '../mail/prepare.ts';
import type { Reply } from '../message.ts';
import { issueCode, voidChangeOfEmail, type CodeType } from '../one-time-code.ts';
import { assertGoodPassword } from '../password-policy.ts';
import { forAdmin, type AdminCall, type Route } from '../router.ts';
import { describeUser } from '../session.ts';
import { audit } from '../store/audit.ts';
import { deleteFactor, lockFactor, lowerSessionsOf } from '../store/mfa.ts';
import { iso, type Tx } from '../store/rows.ts';
import { findUserByEmail, lockAddress, updateUser, type UserRow } from '../store/users.ts';
import { factorJson } from '../user-json.ts';

export const adminLinkRoutes: readonly Route[] = [
  forAdmin('POST', '/invite', invite),
  forAdmin('POST', '/admin/generate_link', generateLink),
  forAdmin('DELETE', '/admin/users/:id/factors/:factor', removeFactor),
];

/** Makes an account that its owner opens from the letter. Again, for one that nobody has opened yet. */
async function invite(call: AdminCall, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const email = readEmail(text(body, 'email') ?? '');
  const data = object(body, 'data') ?? {};
  const reply = await context.database.transaction(async (tx) => {
    const user = await invited(tx, email, data, call, context);
    await postTo(tx, user, 'invite', call, context);
    return { status: 200, body: await describeUser(tx, user) };
  });
  context.mail.wake();
  return reply;
}

async function invited(
  tx: Tx,
  email: string,
  data: Readonly<Record<string, unknown>>,
  call: AdminCall,
  context: AuthContext,
): Promise<UserRow> {
  const now = context.now();
  await lockAddress(tx, email);
  const known = await findUserByEmail(tx, email);
  if (known?.email_confirmed_at) throw exists();
  const user = known ?? (await makeEmailUser(tx, { email, passwordHash: undefined, data }, now));
  const traits = { user_id: user.id, user_email: email };
  await audit(tx, 'user_invited', { actor: call, ip: call.request.ip, traits }, now);
  return updateUser(tx, user.id, { invited_at: iso(now), confirmation_sent_at: iso(now) }, now);
}

/** Which letter's code each type of link is, whom the code is addressed to, and what `/verify` calls it. */
const LINKS: Readonly<Record<string, { readonly code: CodeType; readonly verify: string }>> = {
  signup: { code: 'confirmation_token', verify: 'signup' },
  invite: { code: 'confirmation_token', verify: 'invite' },
  magiclink: { code: 'recovery_token', verify: 'magiclink' },
  recovery: { code: 'recovery_token', verify: 'recovery' },
  email_change_current: { code: 'email_change_token_current', verify: 'email_change' },
  email_change_new: { code: 'email_change_token_new', verify: 'email_change' },
};

/** The link that a letter would hold, for whoever sends letters in another way. */
async function generateLink(call: AdminCall, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const type = text(body, 'type') ?? '';
  const link = Object.hasOwn(LINKS, type) ? LINKS[type] : undefined;
  if (!link) throw new AuthError('validation_failed', `Invalid email action link type requested: ${type}`);
  const email = readEmail(text(body, 'email') ?? '');
  const password = text(body, 'password') || undefined;
  if (type === 'signup' && password === undefined) {
    throw new AuthError('validation_failed', 'Signup requires a valid password');
  }
  if (type === 'signup' && password !== undefined) await assertGoodPassword(password, context);
  const passwordHash = password === undefined ? undefined : await context.passwords.hash(password);
  const data = object(body, 'data') ?? {};
  const newEmail = text(body, 'new_email');
  const redirectTo = context.redirects.choose(text(body, 'redirect_to') || redirectOf(call, context));
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const user = await subject(tx, { type, email, passwordHash, data, newEmail }, call, context);
    const address = link.code === 'email_change_token_new' ? (user.email_change ?? '') : (user.email ?? '');
    const { code, link: token } = await issueCode(tx, user, link.code, { address, pkce: false }, context);
    const fresh = await updateUser(tx, user.id, type === 'invite' ? { invited_at: iso(now) } : {}, now);
    return {
      status: 200,
      body: {
        ...(await describeUser(tx, fresh)),
        action_link: confirmationUrl(context.config.externalUrl, token, link.verify, redirectTo),
        email_otp: code,
        hashed_token: token,
        verification_type: type,
        redirect_to: redirectTo,
      },
    };
  });
}

interface LinkWish {
  readonly type: string;
  readonly email: string;
  readonly passwordHash: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly newEmail: string | undefined;
}

/** Whom the link is for: made where the type is about newcomers. */
async function subject(tx: Tx, wish: LinkWish, call: AdminCall, context: AuthContext): Promise<UserRow> {
  const { type, email } = wish;
  const now = context.now();
  await lockAddress(tx, email);
  const known = await findUserByEmail(tx, email);
  if (type === 'invite') return invited(tx, email, wish.data, call, context);
  if (type === 'signup') {
    if (known?.email_confirmed_at) throw exists();
    if (!known) return makeEmailUser(tx, wish, now);
    return updateUser(tx, known.id, { encrypted_password: wish.passwordHash ?? '' }, now);
  }
  if (!known) {
    if (type === 'magiclink') return makeEmailUser(tx, { email, passwordHash: undefined, data: wish.data }, now);
    throw new AuthError('user_not_found', 'User with this email not found');
  }
  if (!type.startsWith('email_change')) return known;
  if (!context.config.mail.secureEmailChange && type === 'email_change_current') {
    throw new AuthError('validation_failed', 'Enable secure email change to generate link for current email');
  }
  const wanted = readEmail(wish.newEmail ?? '');
  if (await findUserByEmail(tx, wanted)) throw exists();
  // The two links of one change are asked for one after the other.
  if (known.email_change === wanted) return known;
  await voidChangeOfEmail(tx, known, now);
  return updateUser(tx, known.id, { email_change: wanted }, now);
}

async function removeFactor(call: AdminCall, context: AuthContext): Promise<Reply> {
  const { id = '', factor: factorId = '' } = call.params;
  if (!isUuid(id) || !isUuid(factorId))
    throw new AuthError('validation_failed', 'factor_id must be an UUID', { status: 404 });
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const factor = await lockFactor(tx, id, factorId);
    if (!factor) throw new AuthError('mfa_factor_not_found', 'Factor not found');
    await lowerSessionsOf(tx, factor.id, now);
    await deleteFactor(tx, factor.id);
    const traits = { user_id: id, factor_id: factor.id };
    await audit(tx, 'factor_deleted', { actor: call, ip: call.request.ip, traits }, now);
    return { status: 200, body: factorJson(factor) };
  });
}

function exists(): AuthError {
  return new AuthError('email_exists', 'A user with this email address has already been registered');
}

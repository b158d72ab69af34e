import { flag, object, text, type JsonObject } from '../body.ts';
import { letterDetails, postTo } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';
import { readEmail } from '../identifiers.ts';
import { LIMITS } from '../limits.ts';
import { countLetter } from '../mail/throttle.ts';
import type { Reply } from '../message.ts';
import { forUser, keyed, type Call, type Route, type UserCall } from '../router.ts';
import { audit } from '../store/audit.ts';
import type { MailJobKind } from '../store/mail-jobs.ts';
import { iso } from '../store/rows.ts';
import { findUserByEmail, updateUser } from '../store/users.ts';

/** Endpoints that answer with a letter. The answer is the same, and as quick, whether or not there is an account. */
export const letterRoutes: readonly Route[] = [
  keyed('POST', '/recover', recover, LIMITS.otp),
  keyed('POST', '/magiclink', magicLink, LIMITS.otp),
  keyed('POST', '/otp', otp, LIMITS.otp),
  keyed('POST', '/resend', resend, LIMITS.otp),
  forUser('GET', '/reauthenticate', reauthenticate, LIMITS.otp),
];

async function recover(call: Call, context: AuthContext): Promise<Reply> {
  const email = text(call.body(), 'email') ?? '';
  if (email === '') throw new AuthError('validation_failed', 'Password recovery requires an email');
  return sendTo(readEmail(email), 'recovery', call, context);
}

async function magicLink(call: Call, context: AuthContext): Promise<Reply> {
  const email = text(call.body(), 'email') ?? '';
  if (email === '') throw new AuthError('validation_failed', 'Password recovery requires an email');
  const kind = context.config.disableSignup ? 'magic_link' : 'otp';
  return sendTo(readEmail(email), kind, call, context, object(call.body(), 'data'));
}

async function otp(call: Call, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const [email, phone] = [text(body, 'email') ?? '', text(body, 'phone') ?? ''];
  if (email !== '' && phone !== '') {
    throw new AuthError('validation_failed', 'Only an email address or phone number should be provided');
  }
  if (phone !== '') throw new AuthError('phone_provider_disabled', 'Unsupported phone provider');
  if (email === '') throw new AuthError('validation_failed', 'One of email or phone must be set');
  const create = body['create_user'] === undefined || flag(body, 'create_user');
  const address = readEmail(email);
  if (create && !context.config.disableSignup) {
    return sendTo(address, 'otp', call, context, object(body, 'data'));
  }
  // Whoever asks this way asks whether there is an account. Counted first, so that asking is slow.
  await countLetter(address, 'otp', context);
  if (!(await context.database.transaction((tx) => findUserByEmail(tx, address)))) {
    throw create
      ? new AuthError('signup_disabled', 'Signups not allowed for this instance')
      : new AuthError('otp_disabled', 'Signups not allowed for otp');
  }
  return post(address, 'magic_link', call, context);
}

async function resend(call: Call, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const type = text(body, 'type') ?? '';
  if (['sms', 'phone_change'].includes(type)) {
    throw new AuthError('phone_provider_disabled', 'Unsupported phone provider');
  }
  if (type !== 'signup' && type !== 'email_change') {
    const message =
      type === '' ? 'Missing one of these types: signup, email_change, sms, phone_change' : 'Unsupported type';
    throw new AuthError('validation_failed', message);
  }
  const email = text(body, 'email') ?? '';
  if (email === '') throw new AuthError('validation_failed', 'Type provided requires an email address');
  return sendTo(readEmail(email), type === 'signup' ? 'confirmation' : 'email_change', call, context);
}

async function reauthenticate(call: UserCall, context: AuthContext): Promise<Reply> {
  const { user, request } = call;
  if (!user.email)
    throw new AuthError('validation_failed', 'Reauthentication requires the user to have an email or a phone number');
  if (user.email_confirmed_at === null) {
    throw new AuthError('email_not_confirmed', 'Please verify your email first.', { status: 422 });
  }
  await countLetter(user.email, 'reauthentication', context);
  await context.database.transaction(async (tx) => {
    const now = context.now();
    await audit(tx, 'user_reauthenticate_requested', { actor: user, ip: request.ip }, now);
    await postTo(tx, user, 'reauthentication', call, context);
    await updateUser(tx, user.id, { reauthentication_sent_at: iso(now) }, now);
  });
  context.mail.wake();
  return { status: 200, body: {} };
}

async function sendTo(
  email: string,
  kind: MailJobKind,
  call: Call,
  context: AuthContext,
  data?: JsonObject,
): Promise<Reply> {
  if (!context.config.email) throw new AuthError('email_provider_disabled', 'Email logins are disabled');
  await countLetter(email, kind, context);
  return post(email, kind, call, context, data);
}

async function post(
  email: string,
  kind: MailJobKind,
  call: Call,
  context: AuthContext,
  data?: JsonObject,
): Promise<Reply> {
  const details = { ...letterDetails(call, context), data };
  await context.database.transaction((tx) => context.mail.post(tx, { kind, email, details }));
  context.mail.wake();
  return { status: 200, body: {} };
}

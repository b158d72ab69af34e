import { randomUUID } from 'node:crypto';
import { confirmEmail } from '../account.ts';
import { object, text, type JsonObject } from '../body.ts';
import { AUDIENCE } from '../config.ts';
import { requestConfirmation } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { EMAIL_PROVIDER, makeEmailUser } from '../email-user.ts';
import { AuthError } from '../errors.ts';
import { readEmail } from '../identifiers.ts';
import { assertWithin, LIMITS } from '../limits.ts';
import { countLetter } from '../mail/throttle.ts';
import { refused, type Reply } from '../message.ts';
import { assertGoodPassword } from '../password-policy.ts';
import { databaseStep } from '../pg-errors.ts';
import { keyed, type Call, type Route } from '../router.ts';
import { describeUser, signIn } from '../session.ts';
import { audit } from '../store/audit.ts';
import { findUserByEmail, insertUser, lockAddress, updateUser } from '../store/users.ts';

export const signupRoutes: readonly Route[] = [keyed('POST', '/signup', signUp)];

async function signUp(call: Call, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const email = text(body, 'email') ?? '';
  const phone = text(body, 'phone') ?? '';
  const data = object(body, 'data') ?? {};
  const anonymous = email === '' && phone === '';
  await assertWithin(anonymous ? LIMITS.anonymous : LIMITS.otp, call.request, context);
  if (context.config.disableSignup) {
    throw new AuthError('signup_disabled', 'Signups not allowed for this instance');
  }
  if (anonymous) return signUpAnonymously(data, call, context);
  if (email !== '' && phone !== '') {
    throw new AuthError('validation_failed', 'Only an email address or phone number should be provided on signup.');
  }
  if (phone !== '') throw new AuthError('phone_provider_disabled', 'Phone signups are disabled');
  if (!context.config.email) throw new AuthError('email_provider_disabled', 'Email signups are disabled');
  const password = text(body, 'password') ?? '';
  if (password === '') throw new AuthError('validation_failed', 'Signup requires a valid password');
  const address = readEmail(email);
  await assertGoodPassword(password, context);
  // Before it is known whether the account exists: the answer takes as long either way.
  const passwordHash = await context.passwords.hash(password);
  return signUpByEmail({ email: address, passwordHash, data }, call, context);
}

async function signUpAnonymously(data: JsonObject, call: Call, context: AuthContext): Promise<Reply> {
  if (!context.config.anonymousUsers) {
    throw new AuthError('anonymous_provider_disabled', 'Anonymous sign-ins are disabled');
  }
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const fresh = { appMetadata: {}, userMetadata: data, isAnonymous: true };
    const user = await databaseStep('Database error saving new user', () => insertUser(tx, fresh, now));
    await audit(tx, 'user_signedup', { actor: user, ip: call.request.ip, traits: { provider: 'anonymous' } }, now);
    return signIn(tx, user, 'anonymous', call.request, context);
  });
}

interface Wanted {
  readonly email: string;
  readonly passwordHash: string;
  readonly data: JsonObject;
}

async function signUpByEmail(wanted: Wanted, call: Call, context: AuthContext): Promise<Reply> {
  const autoconfirm = context.config.autoconfirm || !context.mail.available;
  const { ip } = call.request;
  if (!autoconfirm) await countLetter(wanted.email, 'confirmation', context);
  const reply = await context.database.transaction(async (tx): Promise<Reply> => {
    const now = context.now();
    await lockAddress(tx, wanted.email);
    const known = await findUserByEmail(tx, wanted.email);
    // Without mail nobody could ask whose an account is that was invited, or moved here, and waits for its owner.
    if (known && (known.email_confirmed_at !== null || !context.mail.available)) {
      await audit(tx, 'user_repeated_signup', { actor: known, ip, traits: { provider: 'email' } }, now);
      if (autoconfirm) return refused(new AuthError('user_already_exists', 'User already registered'));
      return { status: 200, body: fabricated(wanted, now) };
    }
    const user = known ?? (await makeEmailUser(tx, wanted, now));
    if (!autoconfirm) {
      const asked = await requestConfirmation(tx, user, call, context);
      return { status: 200, body: await describeUser(tx, asked) };
    }
    // Whoever began with this address before did not prove that it is theirs: their password goes.
    if (known) await updateUser(tx, known.id, { encrypted_password: wanted.passwordHash }, now);
    await audit(tx, 'user_signedup', { actor: user, ip, traits: { provider: 'email' } }, now);
    await audit(tx, 'login', { actor: user, ip, traits: { provider: 'email' } }, now);
    return signIn(tx, await confirmEmail(tx, user, now), 'password', call.request, context);
  });
  context.mail.wake();
  return reply;
}

/** What a new account would look like, for an address that has one: only its owner's mailbox may tell. */
function fabricated({ email, data }: Wanted, now: number): Record<string, unknown> {
  const id = randomUUID();
  const at = new Date(now).toISOString();
  return {
    id,
    aud: AUDIENCE,
    role: AUDIENCE,
    email,
    phone: '',
    confirmation_sent_at: at,
    app_metadata: EMAIL_PROVIDER,
    user_metadata: { ...data, sub: id, email, email_verified: false, phone_verified: false },
    identities: [],
    created_at: at,
    updated_at: at,
    is_anonymous: false,
  };
}

import { text } from '../body.ts';
import { redirectOf } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { newSecret, sha256 } from '../digest.ts';
import { disownForLetter } from '../disown.ts';
import { completeEmailChange } from '../email-change.ts';
import { AuthError } from '../errors.ts';
import { readEmail } from '../identifiers.ts';
import { LIMITS } from '../limits.ts';
import { confirmPage } from '../mail/confirm-page.ts';
import type { Reply } from '../message.ts';
import { assertCode, findLink, voidCode, type CodeType } from '../one-time-code.ts';
import { redirectWithCode, redirectWithError, redirectWithMessage, redirectWithSession } from '../redirect-reply.ts';
import { keyed, open, type Call, type Route } from '../router.ts';
import { signIn } from '../session.ts';
import { audit } from '../store/audit.ts';
import { findFlowOfLink, issueCode, type FlowRow } from '../store/flow-state.ts';
import type { Tx } from '../store/rows.ts';
import { findUserByEmail, findUserByNewEmail, isBanned, lockUser, type UserRow } from '../store/users.ts';
import { confirmEmail } from '../account.ts';

export const verifyRoutes: readonly Route[] = [
  open('GET', '/verify', verifyByLink, LIMITS.verify),
  // Scanners of mail ask first whether the page is there. That must not use the link up.
  open('HEAD', '/verify', async () => ({ status: 200 })),
  open('POST', '/verify/confirmed', useLink, LIMITS.verify),
  keyed('POST', '/verify', verifyByApi, LIMITS.verify),
];

/**
 * Which letters each `type` may come from. `email` is any letter with a code to sign in; `signup` is also what the letter
 * is called that signs in to an account which nobody has confirmed.
 */
const TYPES: Readonly<Record<string, readonly CodeType[]>> = {
  signup: ['confirmation_token', 'recovery_token'],
  invite: ['confirmation_token'],
  recovery: ['recovery_token'],
  magiclink: ['recovery_token'],
  email: ['confirmation_token', 'recovery_token'],
  email_change: ['email_change_token_current', 'email_change_token_new'],
};

type Proof = { readonly user: UserRow; readonly type: CodeType };

const HALF_DONE = 'Confirmation link accepted. Please proceed to confirm link sent to the other email';

async function verifyByLink(call: Call, context: AuthContext): Promise<Reply> {
  return context.config.mail.confirmPage ? confirmPage(call.request.query) : useLink(call, context);
}

/** Follows a letter's link. Whatever happens, the browser ends on a page of the site. */
async function useLink(call: Call, context: AuthContext): Promise<Reply> {
  const target = redirectOf(call, context);
  const [link, type] = [call.query.get('token') ?? '', call.query.get('type') ?? ''];
  try {
    return await context.database.transaction(async (tx) => {
      const types = codeTypes(type);
      if (link === '') throw new AuthError('validation_failed', 'Verify requires a token or a token hash');
      const flow = link.startsWith('pkce_') ? await findFlowOfLink(tx, sha256(link)) : undefined;
      const user = await prove(tx, await findLink(tx, link, types, context), type, call, context);
      if (!user) return redirectWithMessage(target, HALF_DONE);
      if (flow) return redirectWithCode(target, await codeFor(tx, flow, user, context.now()));
      const { body } = await enter(tx, user, call, context);
      return redirectWithSession(target, body as Record<string, unknown>, { type });
    });
  } catch (error) {
    if (error instanceof AuthError && error.status < 500) return redirectWithError(target, error);
    throw error;
  }
}

async function verifyByApi(call: Call, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const type = text(body, 'type') ?? '';
  const types = codeTypes(type);
  const [hash, code, email] = [text(body, 'token_hash') ?? '', text(body, 'token') ?? '', text(body, 'email') ?? ''];
  if (hash === '' && code === '') {
    throw new AuthError('validation_failed', 'Verify requires either a token or a token hash');
  }
  if (hash !== '' && email !== '') {
    throw new AuthError('validation_failed', 'Only the token_hash and type should be provided');
  }
  if (hash === '' && email === '') {
    throw new AuthError('validation_failed', 'Only an email address or phone number should be provided on verify');
  }
  const proof = hash === '' ? await byCode(readEmail(email), code, types, context) : undefined;
  return context.database.transaction(async (tx) => {
    const user = await prove(tx, proof ?? (await findLink(tx, hash, types, context)), type, call, context);
    if (!user) return { status: 200, body: { msg: HALF_DONE, code: 200 } };
    return enter(tx, user, call, context);
  });
}

async function enter(tx: Tx, user: UserRow, call: Call, context: AuthContext): Promise<Reply> {
  await audit(tx, 'login', { actor: user, ip: call.request.ip, traits: { provider: 'email' } }, context.now());
  return signIn(tx, user, 'otp', call.request, context);
}

/** @throws AuthError validation_failed */
function codeTypes(type: string): readonly CodeType[] {
  if (type === '') throw new AuthError('validation_failed', 'Verify requires a verification type');
  const types = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (!types) throw new AuthError('validation_failed', 'Unsupported verification type');
  return types;
}

/** The code of a change of address may be typed with either of the two addresses. */
async function byCode(address: string, code: string, types: readonly CodeType[], context: AuthContext): Promise<Proof> {
  const changing = types.includes('email_change_token_new');
  const user = await context.database.transaction(
    async (tx) =>
      (await findUserByEmail(tx, address)) ?? (changing ? await findUserByNewEmail(tx, address) : undefined),
  );
  return { user: user as UserRow, type: await assertCode(user, { code, address }, types, context) };
}

/**
 * Uses the proof up and does what it proves.
 *
 * @returns undefined after the first half of a change of address
 * @throws AuthError otp_expired, user_banned
 */
async function prove(
  tx: Tx,
  { user: found, type }: Proof,
  wanted: string,
  call: Call,
  context: AuthContext,
): Promise<UserRow | undefined> {
  const now = context.now();
  const before = await lockUser(tx, found.id);
  // Of two at once, the second finds the column empty.
  if (!before || columnOf(before, type) !== columnOf(found, type)) {
    throw new AuthError('otp_expired', 'Email link is invalid or has expired');
  }
  // `signup` names a letter to sign in by only where the account waits for its confirmation.
  if (wanted === 'signup' && type === 'recovery_token' && before.email_confirmed_at !== null) {
    throw new AuthError('otp_expired', 'Email link is invalid or has expired');
  }
  if (isBanned(before, now)) throw new AuthError('user_banned', 'User is banned', { status: 403 });
  const user = await voidCode(tx, before, type, now);
  if (wanted === 'email_change') return completeEmailChange(tx, user, type, call, context);
  if (user.email_confirmed_at !== null) return user;
  const action = wanted === 'invite' ? 'invite_accepted' : 'user_signedup';
  await audit(tx, action, { actor: user, ip: call.request.ip, traits: { provider: 'email' } }, now);
  // Only an answer to the sign-up's own letter, or to an invitation, is a yes to the password that was set before.
  const owned = type === 'recovery_token' ? await disownForLetter(tx, user, now) : user;
  return confirmEmail(tx, owned, now);
}

function columnOf(user: UserRow, type: CodeType): string {
  return user[type] ?? '';
}

async function codeFor(tx: Tx, flow: FlowRow, user: UserRow, now: number): Promise<string> {
  const code = newSecret();
  await issueCode(tx, flow.id, { digest: sha256(code), userId: user.id }, now);
  return code;
}

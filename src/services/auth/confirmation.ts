import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import { countLetter } from './mail/throttle.ts';
import { assertCode, voidCode, voidChangeOfEmail } from './one-time-code.ts';
import { readChallenge, type Challenge } from './pkce.ts';
import { text } from './body.ts';
import type { Call } from './router.ts';
import { audit } from './store/audit.ts';
import type { MailJobDetails, MailJobKind } from './store/mail-jobs.ts';
import { iso, type Tx } from './store/rows.ts';
import { updateUser, type UserRow } from './store/users.ts';

/**
 * Asks the owner of a new account's address to confirm it. Only where mail can be delivered. The letter itself is
 * counted by `countLetter`, before it is known whether there is an account.
 */
export async function requestConfirmation(tx: Tx, user: UserRow, call: Call, context: AuthContext): Promise<UserRow> {
  const now = context.now();
  const traits = { provider: 'email' };
  await audit(tx, 'user_confirmation_requested', { actor: user, ip: call.request.ip, traits }, now);
  await postTo(tx, user, 'confirmation', call, context);
  return updateUser(tx, user.id, { confirmation_sent_at: iso(now) }, now);
}

/**
 * Asks for a letter's answer before an address replaces another one.
 *
 * @throws AuthError over_email_send_rate_limit
 */
export async function requestEmailChange(
  tx: Tx,
  user: UserRow,
  email: string,
  call: Call,
  context: AuthContext,
): Promise<UserRow> {
  const now = context.now();
  await countLetter(email, 'email_change', context);
  await voidChangeOfEmail(tx, user, now);
  await postTo(tx, user, 'email_change', call, context);
  return updateUser(tx, user.id, { email_change: email, email_change_sent_at: iso(now) }, now);
}

/**
 * Checks the code of the letter that `GET /reauthenticate` sends, and uses it up.
 *
 * @throws AuthError reauthentication_not_valid
 */
export async function verifyReauthentication(user: UserRow, nonce: string, context: AuthContext): Promise<void> {
  const given = { code: nonce, address: user.email ?? '' };
  try {
    await assertCode(user, given, ['reauthentication_token'], context);
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    throw new AuthError('reauthentication_not_valid', 'Nonce has expired or is invalid', { cause: error });
  }
  await context.database.transaction((tx) => voidCode(tx, user, 'reauthentication_token', context.now()));
}

export async function postTo(
  tx: Tx,
  user: UserRow,
  kind: MailJobKind,
  call: Call,
  context: AuthContext,
): Promise<void> {
  const details = letterDetails(call, context);
  await context.mail.post(tx, { kind, email: user.email ?? '', userId: user.id, details });
}

/**
 * Where a letter's link leads, and what a page waits for.
 *
 * @throws AuthError validation_failed
 */
export function letterDetails(call: Call, context: AuthContext): MailJobDetails {
  const redirectTo = redirectOf(call, context);
  return { redirectTo, challenge: challengeOf(call, redirectTo), ip: call.request.ip };
}

/** As the client named it, else the page that it stands on; the site when neither is on the list. */
export function redirectOf({ request, query }: Call, { redirects }: Pick<AuthContext, 'redirects'>): string {
  const { redirect_to: header, referer } = request.headers;
  return redirects.choose(query.get('redirect_to') ?? undefined, header, referer);
}

function challengeOf(call: Call, redirectTo: string): Challenge | undefined {
  const body = call.body();
  return readChallenge(text(body, 'code_challenge'), text(body, 'code_challenge_method'), redirectTo);
}

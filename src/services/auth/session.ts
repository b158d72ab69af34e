import { AUDIENCE } from './config.ts';
import type { AuthContext } from './context.ts';
import type { AuthRequest, Reply } from './message.ts';
import { newRefreshToken, storedForm } from './refresh-token.ts';
import { addAmr, findAmr, type AmrEntry, type AuthenticationMethod } from './store/amr.ts';
import { findFactors } from './store/factors.ts';
import { findIdentities } from './store/identities.ts';
import { insertRefreshToken, revokeTokensOfSession } from './store/refresh-tokens.ts';
import { iso, type Tx } from './store/rows.ts';
import { insertSession, newSessionKey, updateSession, type Aal, type SessionRow } from './store/sessions.ts';
import { updateUser, type UserRow } from './store/users.ts';
import { userJson } from './user-json.ts';

type Caller = Pick<AuthRequest, 'ip' | 'headers'>;

/**
 * Opens a session for a user who has proved who they are, in the transaction of that proof.
 *
 * @param more further fields of the answer: `weak_password`, `provider_token`
 */
export async function signIn(
  tx: Tx,
  user: UserRow,
  method: AuthenticationMethod,
  caller: Caller,
  context: AuthContext,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Reply> {
  const now = context.now();
  const userAgent = caller.headers['user-agent'];
  const session = await insertSession(tx, { userId: user.id, aal: 'aal1', userAgent, ip: caller.ip }, now);
  await addAmr(tx, session.id, method, now);
  const refreshToken = newRefreshToken();
  await insertRefreshToken(tx, { stored: storedForm(refreshToken), userId: user.id, sessionId: session.id }, now);
  const signedIn = await updateUser(tx, user.id, { last_sign_in_at: iso(now) }, now);
  return sessionReply(tx, { user: signedIn, session, refreshToken }, context, more);
}

/**
 * A second factor was shown to a session: it is aal2 from now on. Its refresh tokens begin anew, so that whoever holds
 * an older one cannot follow.
 */
export async function raiseSession(
  tx: Tx,
  { user, session, factorId }: { readonly user: UserRow; readonly session: SessionRow; readonly factorId: string },
  context: AuthContext,
): Promise<Reply> {
  const now = context.now();
  await addAmr(tx, session.id, 'totp', now);
  const key = newSessionKey();
  await updateSession(tx, session.id, { aal: 'aal2', factor_id: factorId, refresh_token_hmac_key: key }, now);
  await revokeTokensOfSession(tx, session.id, now);
  const refreshToken = newRefreshToken();
  await insertRefreshToken(tx, { stored: storedForm(refreshToken), userId: user.id, sessionId: session.id }, now);
  return sessionReply(tx, { user, session: { ...session, aal: 'aal2' }, refreshToken }, context);
}

/** The answer of every grant: an access token for the session, and the refresh token that goes with it. */
export async function sessionReply(
  tx: Tx,
  { user, session, refreshToken }: { user: UserRow; session: SessionRow; refreshToken: string },
  context: AuthContext,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Reply> {
  const { jwtExpiry } = context.config;
  const issuedAt = Math.floor(context.now() / 1000);
  const amr = await findAmr(tx, session.id);
  const { signToken } = context.keys();
  if (!signToken) throw new Error('no signing key is active');
  const claims = accessClaims(user, session, amr, { issuedAt, expiry: jwtExpiry, issuer: context.config.externalUrl });
  return {
    status: 200,
    headers: [
      ['sb-auth-user-id', user.id],
      ['sb-auth-session-id', session.id],
    ],
    body: {
      access_token: await signToken(claims),
      token_type: 'bearer',
      expires_in: jwtExpiry,
      expires_at: issuedAt + jwtExpiry,
      refresh_token: refreshToken,
      user: await describeUser(tx, user),
      ...more,
    },
  };
}

/** The user with identities and factors, as clients read it. */
export async function describeUser(tx: Tx, user: UserRow): Promise<Record<string, unknown>> {
  return userJson(user, { identities: await findIdentities(tx, user.id), factors: await findFactors(tx, user.id) });
}

/** A second factor makes a session aal2, whatever its row says: rows that moved here may lag behind. */
export function assurance(session: SessionRow, amr: readonly AmrEntry[]): Aal {
  const strong = amr.some(({ method }) => method === 'totp' || method.startsWith('mfa/'));
  return strong ? 'aal2' : session.aal === 'aal2' && amr.length === 0 ? 'aal2' : 'aal1';
}

function accessClaims(
  user: UserRow,
  session: SessionRow,
  amr: readonly AmrEntry[],
  { issuedAt, expiry, issuer }: { issuedAt: number; expiry: number; issuer: string },
): Record<string, unknown> {
  return {
    iss: issuer,
    sub: user.id,
    aud: user.aud || AUDIENCE,
    exp: issuedAt + expiry,
    iat: issuedAt,
    email: user.email ?? '',
    phone: user.phone ?? '',
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    role: user.role || AUDIENCE,
    aal: assurance(session, amr),
    amr,
    session_id: session.id,
    is_anonymous: user.is_anonymous,
  };
}

import { bearerOf } from '../../foundation/crypto/gateway.ts';
import { TokenError, type Claims } from '../../foundation/crypto/tokens.ts';
import { isUuid } from './body.ts';
import { ADMIN_ROLES } from './config.ts';
import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import type { AuthRequest } from './message.ts';
import type { AdminCall, Call, UserCall } from './router.ts';
import { directly } from './store/rows.ts';
import { findSession } from './store/sessions.ts';
import { findUser, isBanned } from './store/users.ts';

/** @throws AuthError no_authorization for a request without an API key, or with a wrong one */
export function assertAdmitted({ admission }: AuthRequest): void {
  if (admission.as === 'refused') throw new AuthError('no_authorization', admission.message);
}

/**
 * The user whose access token came with the request. The token alone is not enough: its user must still exist and its
 * session be alive.
 *
 * @throws AuthError no_authorization, bad_jwt, user_not_found, session_not_found, user_banned
 */
export async function requireUser(call: Call, context: AuthContext): Promise<UserCall> {
  const claims = await readClaims(bearerOf(call.request.headers['authorization']), context);
  const { sub, session_id: sessionId } = claims;
  if (typeof sub !== 'string' || sub === '') throw badJwt('invalid claim: missing sub claim');
  if (!isUuid(sub)) throw badJwt('invalid claim: sub claim must be a UUID', 400);
  const reader = directly(context.database);
  const user = await findUser(reader, sub);
  const session = isUuid(sessionId) ? await findSession(reader, sessionId) : undefined;
  if (!user || user.deleted_at !== null) {
    throw new AuthError('user_not_found', 'User from sub claim in JWT does not exist', { status: 403 });
  }
  // Tokens that something else signed with our key may name no session.
  if (sessionId !== undefined && sessionId !== '' && session?.user_id !== user.id) {
    throw new AuthError('session_not_found', 'Session from session_id claim in JWT does not exist');
  }
  if (isBanned(user, context.now())) throw new AuthError('user_banned', 'User is banned', { status: 403 });
  return { ...call, user, session, claims };
}

/** @throws AuthError not_admin, and as `requireUser` */
export async function requireAdmin(call: Call, context: AuthContext): Promise<AdminCall> {
  const { admission } = call.request;
  const claims =
    admission.as === 'role'
      ? { role: admission.role }
      : await readClaims(admission.as === 'token' ? admission.token : undefined, context);
  const { role } = claims;
  // A user who was made an admin is one only for as long as the user may sign in.
  if ('sub' in claims) await requireUser(call, context);
  if (typeof role === 'string' && ADMIN_ROLES.includes(role)) return { ...call, role };
  throw new AuthError('not_admin', 'User not allowed', { status: 403 });
}

async function readClaims(token: string | undefined, context: AuthContext): Promise<Claims> {
  if (!token) throw new AuthError('no_authorization', 'This endpoint requires a valid Bearer token');
  const { verifyToken } = context.keys();
  if (!verifyToken) throw new Error('there is no key to check tokens with');
  try {
    return await verifyToken(token, context.now());
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw badJwt(`invalid JWT: unable to parse or verify signature, ${error.message}`);
  }
}

function badJwt(message: string, status = 403): AuthError {
  return new AuthError('bad_jwt', message, { status });
}

import { text } from './body.ts';
import type { AuthContext } from './context.ts';
import { AuthError, OAuthError } from './errors.ts';
import { refused, type Reply } from './message.ts';
import { parseSignedToken, signedToken, type SignedToken } from './moved-tokens.ts';
import { isMovedToken, nextRefreshToken, storedForm } from './refresh-token.ts';
import type { Call } from './router.ts';
import { assertSessionValid, lastUse } from './session-validity.ts';
import { sessionReply } from './session.ts';
import { audit } from './store/audit.ts';
import {
  deleteToken,
  findActiveToken,
  findRefreshToken,
  insertRefreshToken,
  revokeToken,
  revokeTokensOfSession,
  type RefreshTokenRow,
} from './store/refresh-tokens.ts';
import { iso, millis, type Tx } from './store/rows.ts';
import { lockSession, newSessionKey, updateSession, type SessionRow } from './store/sessions.ts';
import { findUser, isBanned } from './store/users.ts';

/** How long a request waits for another one that refreshes the same session. */
const PATIENCE = '5s';
/** Successors that are tried: far more refreshes than a client makes within the reuse interval. */
const MAX_STEPS = 100;

/**
 * `POST /token?grant_type=refresh_token`. All that happens to one session happens in turn, under a lock on its row:
 * requests that come at once with the same token get the same successor, and one of them makes it.
 */
export async function refreshGrant(call: Call, context: AuthContext): Promise<Reply> {
  const presented = text(call.body(), 'refresh_token') ?? '';
  if (presented === '') throw new OAuthError('invalid_request', 'refresh_token required');
  return context.database.transaction(async (tx) => {
    await tx.rows("select set_config('lock_timeout', $1, true)", [PATIENCE]);
    const held = await locate(tx, presented, context.now());
    return 'row' in held ? rotate(tx, held, call, context) : held;
  });
}

/** A token that exists, with the row of it as it is now that its session is locked. */
interface Held {
  /** What its successors follow from. */
  readonly token: string;
  readonly row: RefreshTokenRow;
  readonly session: SessionRow & { readonly refresh_token_hmac_key: string };
}

async function locate(tx: Tx, presented: string, now: number): Promise<Held | Reply> {
  const signed = parseSignedToken(presented);
  if (signed) return adopt(tx, signed, now);
  const forms = [storedForm(presented), ...(isMovedToken(presented) ? [presented] : [])];
  const seen = await findRefreshToken(tx, forms);
  if (!seen) return refused(notFound());
  const session = seen.session_id === null ? undefined : await lockSession(tx, seen.session_id);
  if (!session) {
    await deleteToken(tx, seen.id); // from before there were sessions
    return refused(
      new AuthError('session_not_found', 'Invalid Refresh Token: No Valid Session Found', { status: 400 }),
    );
  }
  const row = await findRefreshToken(tx, forms);
  return row ? { token: presented, row, session: await withKey(tx, session, now) } : refused(notFound());
}

/** From here on a signed token is one of ours: the current one of its session gets a row, once. */
async function adopt(tx: Tx, signed: SignedToken, now: number): Promise<Held | Reply> {
  const session = await lockSession(tx, signed.sessionId);
  const { refresh_token_hmac_key: key, refresh_token_counter: counter } = session ?? {};
  if (!session || !key || counter === null || counter === undefined || !signed.isSignedWith(key)) {
    return refused(notFound());
  }
  // One behind is a client that never got the last answer. Ahead of what we know: nothing that this database gave out.
  const behind = counter - signed.counter;
  if (behind < 0) return refused(notFound());
  const token = signedToken(session.id, behind <= 1 ? counter : signed.counter, key);
  const stored = storedForm(token);
  if (behind <= 1 && !(await findRefreshToken(tx, [stored]))) {
    await insertRefreshToken(tx, { stored, userId: session.user_id, sessionId: session.id }, now);
  }
  const row = await findRefreshToken(tx, [stored]);
  if (row) return { token, row, session: { ...session, refresh_token_hmac_key: key } };
  await revokeTokensOfSession(tx, session.id, now);
  return refused(alreadyUsed());
}

async function withKey(tx: Tx, session: SessionRow, now: number): Promise<Held['session']> {
  const { refresh_token_hmac_key: known } = session;
  if (known) return { ...session, refresh_token_hmac_key: known };
  const key = newSessionKey();
  await updateSession(tx, session.id, { refresh_token_hmac_key: key }, now);
  return { ...session, refresh_token_hmac_key: key };
}

async function rotate(tx: Tx, held: Held, call: Call, context: AuthContext): Promise<Reply> {
  const { session, row } = held;
  const { config } = context;
  const now = context.now();
  const { ip } = call.request;
  const user = await findUser(tx, session.user_id);
  if (!user) return refused(notFound());
  if (isBanned(user, now)) return refused(new AuthError('user_banned', 'Invalid Refresh Token: User Banned'));
  const used = row.updated_at === null ? 0 : millis(row.updated_at);
  await assertSessionValid(tx, session, used, { config, now });
  const refreshToken = await successor(tx, held, { now, reuse: config.refreshReuseInterval * 1000 });
  if (refreshToken === undefined) {
    await revokeTokensOfSession(tx, session.id, now);
    await audit(tx, 'token_revoked', { actor: user, ip, traits: { reason: 'reuse', session_id: session.id } }, now);
    const ago = Math.round((now - lastUse(session, used)) / 1000);
    context.report('refresh token used again', { sessionId: session.id, secondsSinceLastRefresh: ago });
    return refused(alreadyUsed());
  }
  await audit(tx, 'token_refreshed', { actor: user, ip }, now);
  const seen = { refreshed_at: iso(now), user_agent: call.request.headers['user-agent'] ?? null, ip };
  await updateSession(tx, session.id, seen, now);
  return sessionReply(tx, { user, session, refreshToken }, context);
}

/**
 * The token that the client goes on with; undefined when the one presented was used up long ago.
 *
 * Used up but allowed: it is the parent of the active one (the answer never arrived, whenever that was), or it was used
 * within the interval (several tabs at once). Then the active one is given out again, not a second one beside it.
 */
async function successor(
  tx: Tx,
  { token, row, session }: Held,
  { now, reuse }: { readonly now: number; readonly reuse: number },
): Promise<string | undefined> {
  if (row.revoked !== true) return replace(tx, { token, row }, session, now);
  const active = await findActiveToken(tx, session.id);
  if (!active) return undefined;
  const recent = row.updated_at !== null && now - millis(row.updated_at) <= reuse;
  const isParent = active.parent !== null && [row.token, storedForm(token), token].includes(active.parent);
  if (!recent && !isParent) return undefined;
  // One that moved here is known in clear, and did not follow from another by our rule.
  if (active.token !== null && isMovedToken(active.token)) {
    return replace(tx, { token: active.token, row: active }, session, now);
  }
  let candidate = token;
  for (let step = 0; step < MAX_STEPS; step++) {
    candidate = nextRefreshToken(session.refresh_token_hmac_key, candidate);
    if (storedForm(candidate) === active.token) return candidate;
  }
  return undefined;
}

async function replace(
  tx: Tx,
  { token, row }: Pick<Held, 'token' | 'row'>,
  session: Held['session'],
  now: number,
): Promise<string> {
  const next = nextRefreshToken(session.refresh_token_hmac_key, token);
  const parent = storedForm(token);
  await revokeToken(tx, row.id, parent, now);
  const child = { stored: storedForm(next), userId: session.user_id, sessionId: session.id, parent };
  await insertRefreshToken(tx, child, now);
  return next;
}

function notFound(): AuthError {
  return new AuthError('refresh_token_not_found', 'Invalid Refresh Token: Refresh Token Not Found');
}

function alreadyUsed(): AuthError {
  return new AuthError('refresh_token_already_used', 'Invalid Refresh Token: Already Used');
}

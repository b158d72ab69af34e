import type { AuthConfig } from './config.ts';
import { AuthError } from './errors.ts';
import { millis, type Tx } from './store/rows.ts';
import { findSessionsOf, type SessionRow } from './store/sessions.ts';

/**
 * Limits on how long a login lasts: its own end, the time box, inactivity, and a newer login where one is all.
 *
 * @throws AuthError session_expired
 */
export async function assertSessionValid(
  tx: Tx,
  session: SessionRow,
  /** When the token that was presented was last used, for sessions that were never refreshed here. */
  tokenTime: number,
  { config, now }: { readonly config: AuthConfig; readonly now: number },
): Promise<void> {
  const end = whyOver(session, lastUse(session, tokenTime), config, now);
  if (end !== undefined) throw expired(end);
  if (!config.singleSession) return;
  const others = (await findSessionsOf(tx, session.user_id)).filter(({ id }) => id !== session.id);
  const mine = lastUse(session, tokenTime);
  const newer = others.some((other) => {
    const theirs = lastUse(other, 0);
    return theirs > mine && whyOver(other, theirs, config, now) === undefined;
  });
  if (newer) throw expired(' (Revoked by Newer Login)');
}

function whyOver(session: SessionRow, used: number, config: AuthConfig, now: number): string | undefined {
  const created = session.created_at === null ? now : millis(session.created_at);
  if (session.not_after !== null && now > millis(session.not_after)) return '';
  if (config.sessionTimebox > 0 && now > created + config.sessionTimebox * 1000) return '';
  if (config.sessionInactivity > 0 && now > used + config.sessionInactivity * 1000) return ' (Inactivity)';
  return undefined;
}

/** Milliseconds since the epoch. */
export function lastUse(session: SessionRow, tokenTime: number): number {
  if (session.refreshed_at !== null) return millis(session.refreshed_at);
  return Math.max(tokenTime, session.created_at === null ? 0 : millis(session.created_at));
}

function expired(why: string): AuthError {
  return new AuthError('session_expired', `Invalid Refresh Token: Session Expired${why}`);
}

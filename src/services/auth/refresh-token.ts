import { createHash, createHmac, randomBytes } from 'node:crypto';

/** 256 random bits: the first token of a session. */
export function newRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * The token that follows another one. It depends on that token and on the session's key alone: when twenty requests
 * present the same token at once, all of them get the same successor, though only digests are stored. Without the
 * key, which never leaves the database, an old token tells nothing about the ones after it.
 *
 * @param key `sessions.refresh_token_hmac_key`
 */
export function nextRefreshToken(key: string, token: string): string {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(token).digest('base64url');
}

/** What `refresh_tokens.token` holds. The prefix keeps a digest from being taken for a token that moved here. */
export function storedForm(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('base64url')}`;
}

/** Tokens of a hosted project's first kind: twelve characters, in clear in its table. */
export function isMovedToken(token: string): boolean {
  return /^[a-z0-9]{12}$/.test(token);
}

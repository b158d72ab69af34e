import { iso, jsonRows, NO_INSTANCE, type Moment, type Tx } from './rows.ts';

/** `auth.refresh_tokens`. `token` and `parent` hold digests, or in rows that moved here the tokens themselves. */
export interface RefreshTokenRow {
  readonly id: number;
  readonly token: string | null;
  readonly user_id: string | null;
  readonly revoked: boolean | null;
  readonly created_at: Moment | null;
  readonly updated_at: Moment | null;
  readonly parent: string | null;
  readonly session_id: string | null;
}

export async function findRefreshToken(tx: Tx, stored: readonly string[]): Promise<RefreshTokenRow | undefined> {
  const text = 'select to_json(t) as row from auth.refresh_tokens t where token = any ($1) order by id limit 1';
  return (await jsonRows<RefreshTokenRow>(tx, text, [stored]))[0];
}

/** The newest one that was not revoked. */
export async function findActiveToken(tx: Tx, sessionId: string): Promise<RefreshTokenRow | undefined> {
  const text = `select to_json(t) as row from auth.refresh_tokens t
    where session_id = $1 and revoked is not true order by id desc limit 1`;
  return (await jsonRows<RefreshTokenRow>(tx, text, [sessionId]))[0];
}

export async function insertRefreshToken(
  tx: Tx,
  token: { readonly stored: string; readonly userId: string; readonly sessionId: string; readonly parent?: string },
  now: number,
): Promise<void> {
  await tx.rows(
    `insert into auth.refresh_tokens (instance_id, token, user_id, session_id, parent, revoked, created_at, updated_at)
     values ($1, $2, $3, $4, $5, false, $6, $6)`,
    [NO_INSTANCE, token.stored, token.userId, token.sessionId, token.parent ?? '', iso(now)],
  );
}

/** @param stored what the row holds from now on: a token that moved here in clear becomes a digest */
export async function revokeToken(tx: Tx, id: number, stored: string, now: number): Promise<void> {
  const text = 'update auth.refresh_tokens set revoked = true, token = $2, updated_at = $3 where id = $1';
  await tx.rows(text, [id, stored, iso(now)]);
}

export async function revokeTokensOfSession(tx: Tx, sessionId: string, now: number): Promise<void> {
  const text = `update auth.refresh_tokens set revoked = true, updated_at = $2
    where session_id = $1 and revoked is not true`;
  await tx.rows(text, [sessionId, iso(now)]);
}

export async function deleteToken(tx: Tx, id: number): Promise<void> {
  await tx.rows('delete from auth.refresh_tokens where id = $1', [id]);
}

import { randomBytes, randomUUID } from 'node:crypto';
import { assignments, iso, jsonRows, type Moment, type Tx } from './rows.ts';

export type Aal = 'aal1' | 'aal2' | 'aal3';

/** `auth.sessions`: one login, from sign-in to sign-out. */
export interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly created_at: Moment | null;
  readonly updated_at: Moment | null;
  readonly factor_id: string | null;
  readonly aal: Aal | null;
  readonly not_after: Moment | null;
  /** Without a zone: UTC. */
  readonly refreshed_at: Moment | null;
  readonly user_agent: string | null;
  readonly ip: string | null;
  readonly tag: string | null;
  readonly oauth_client_id: string | null;
  /** Base64 of 32 bytes: the key that its refresh tokens follow from each other with. */
  readonly refresh_token_hmac_key: string | null;
  readonly refresh_token_counter: number | null;
  readonly scopes: string | null;
}

export interface NewSession {
  readonly userId: string;
  readonly aal: Aal;
  readonly factorId?: string | undefined;
  readonly userAgent: string | undefined;
  readonly ip: string;
}

export async function findSession(tx: Tx, id: string): Promise<SessionRow | undefined> {
  const text = 'select to_json(s) as row from auth.sessions s where id = $1';
  return (await jsonRows<SessionRow>(tx, text, [id]))[0];
}

/** Waits for whoever else refreshes this session, at most `lock_timeout`. */
export async function lockSession(tx: Tx, id: string): Promise<SessionRow | undefined> {
  const text = 'select to_json(s) as row from auth.sessions s where id = $1 for update';
  return (await jsonRows<SessionRow>(tx, text, [id]))[0];
}

export async function findSessionsOf(tx: Tx, userId: string): Promise<SessionRow[]> {
  const text = 'select to_json(s) as row from auth.sessions s where user_id = $1 order by created_at';
  return jsonRows(tx, text, [userId]);
}

export async function insertSession(tx: Tx, session: NewSession, now: number): Promise<SessionRow> {
  const [row] = await jsonRows<SessionRow>(
    tx,
    `insert into auth.sessions (id, user_id, aal, factor_id, user_agent, ip, refresh_token_hmac_key, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $8) returning to_json(sessions) as row`,
    [
      randomUUID(),
      session.userId,
      session.aal,
      session.factorId ?? null,
      session.userAgent ?? null,
      session.ip,
      newSessionKey(),
      iso(now),
    ],
  );
  if (!row) throw new Error('the session was not saved');
  return row;
}

export function newSessionKey(): string {
  return randomBytes(32).toString('base64');
}

export async function updateSession(
  tx: Tx,
  id: string,
  changes: Partial<Omit<SessionRow, 'id' | 'user_id'>>,
  now: number,
): Promise<void> {
  const [sql, values] = assignments({ ...changes, updated_at: iso(now) }, 2);
  await tx.rows(`update auth.sessions set ${sql} where id = $1`, [id, ...values]);
}

export async function deleteSession(tx: Tx, id: string): Promise<void> {
  await tx.rows('delete from auth.sessions where id = $1', [id]);
}

/** @param except the one that stays, if any */
export async function deleteSessionsOf(tx: Tx, userId: string, except?: string): Promise<void> {
  await tx.rows('delete from auth.sessions where user_id = $1 and id is distinct from $2', [userId, except ?? null]);
}

import { randomUUID } from 'node:crypto';
import { iso, type Tx } from './rows.ts';

/** How a session proved who it belongs to; what clients read in the claim `amr`. */
export type AuthenticationMethod =
  | 'password'
  | 'otp'
  | 'oauth'
  | 'totp'
  | 'recovery'
  | 'invite'
  | 'magiclink'
  | 'email/signup'
  | 'email_change'
  | 'token_refresh'
  | 'anonymous';

export interface AmrEntry {
  readonly method: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

export async function addAmr(tx: Tx, sessionId: string, method: AuthenticationMethod, now: number): Promise<void> {
  await tx.rows(
    `insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
     values ($1, $2, $3, $4, $4)
     on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at`,
    [randomUUID(), sessionId, method, iso(now)],
  );
}

/** Newest first. */
export async function findAmr(tx: Tx, sessionId: string): Promise<AmrEntry[]> {
  return tx.rows<{ method: string; timestamp: number }>(
    `select authentication_method as method, extract(epoch from updated_at)::integer as timestamp
       from auth.mfa_amr_claims where session_id = $1 order by updated_at desc`,
    [sessionId],
  );
}

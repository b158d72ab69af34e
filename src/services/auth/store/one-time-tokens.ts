import { randomUUID } from 'node:crypto';
import { iso, jsonRows, type Moment, type Tx } from './rows.ts';

export type OneTimeTokenType =
  | 'confirmation_token'
  | 'reauthentication_token'
  | 'recovery_token'
  | 'email_change_token_new'
  | 'email_change_token_current'
  | 'phone_change_token';

/** `auth.one_time_tokens`: at most one of each type for a user. */
export interface OneTimeTokenRow {
  readonly id: string;
  readonly user_id: string;
  readonly token_type: OneTimeTokenType;
  readonly token_hash: string;
  readonly relates_to: string;
  /** Without a zone: UTC. */
  readonly created_at: Moment;
}

export async function putOneTimeToken(
  tx: Tx,
  token: {
    readonly userId: string;
    readonly type: OneTimeTokenType;
    readonly hash: string;
    readonly relatesTo: string;
  },
  now: number,
): Promise<void> {
  await tx.rows(
    `insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $6)
     on conflict (user_id, token_type) do update set id = excluded.id, token_hash = excluded.token_hash,
       relates_to = excluded.relates_to, created_at = excluded.created_at, updated_at = excluded.updated_at`,
    [randomUUID(), token.userId, token.type, token.hash, token.relatesTo, iso(now)],
  );
}

export async function findOneTimeToken(
  tx: Tx,
  hash: string,
  types: readonly OneTimeTokenType[],
): Promise<OneTimeTokenRow | undefined> {
  const text = `select to_json(t) as row from auth.one_time_tokens t
    where token_hash = $1 and token_type = any ($2::text[]::auth.one_time_token_type[])`;
  return (await jsonRows<OneTimeTokenRow>(tx, text, [hash, types]))[0];
}

export async function deleteOneTimeTokens(tx: Tx, userId: string, types: readonly OneTimeTokenType[]): Promise<void> {
  const text = `delete from auth.one_time_tokens
    where user_id = $1 and token_type = any ($2::text[]::auth.one_time_token_type[])`;
  await tx.rows(text, [userId, types]);
}

export async function deleteOneTimeTokensOf(tx: Tx, userId: string): Promise<void> {
  await tx.rows('delete from auth.one_time_tokens where user_id = $1', [userId]);
}

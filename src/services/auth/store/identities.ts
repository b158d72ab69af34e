import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../body.ts';
import { iso, jsonRows, type Moment, type Tx } from './rows.ts';

/** `auth.identities`: one way in which a user signs in. */
export interface IdentityRow {
  readonly id: string;
  readonly user_id: string;
  readonly provider: string;
  /** The user's id at the provider; for `email` the user's own id. */
  readonly provider_id: string;
  readonly identity_data: JsonObject | null;
  readonly last_sign_in_at: Moment | null;
  readonly created_at: Moment | null;
  readonly updated_at: Moment | null;
  /** Generated from `identity_data`. */
  readonly email: string | null;
}

export interface NewIdentity {
  readonly userId: string;
  readonly provider: string;
  readonly providerId: string;
  readonly data: JsonObject;
}

export async function findIdentities(tx: Tx, userId: string): Promise<IdentityRow[]> {
  const text = 'select to_json(i) as row from auth.identities i where user_id = $1 order by created_at, provider, id';
  return jsonRows(tx, text, [userId]);
}

export async function findIdentitiesOfAll(tx: Tx, userIds: readonly string[]): Promise<IdentityRow[]> {
  const text =
    'select to_json(i) as row from auth.identities i where user_id = any ($1) order by created_at, provider, id';
  return jsonRows(tx, text, [userIds]);
}

export async function findIdentity(tx: Tx, provider: string, providerId: string): Promise<IdentityRow | undefined> {
  const text = 'select to_json(i) as row from auth.identities i where provider = $1 and provider_id = $2';
  return (await jsonRows<IdentityRow>(tx, text, [provider, providerId]))[0];
}

export async function insertIdentity(tx: Tx, identity: NewIdentity, now: number): Promise<void> {
  await tx.rows(
    `insert into auth.identities (id, user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $6, $6)`,
    [
      randomUUID(),
      identity.userId,
      identity.provider,
      identity.providerId,
      JSON.stringify({ email_verified: false, phone_verified: false, ...identity.data, sub: identity.providerId }),
      iso(now),
    ],
  );
}

/** Sets the given keys of `identity_data`. */
export async function updateIdentityData(tx: Tx, id: string, changes: JsonObject, now: number): Promise<void> {
  await tx.rows(
    'update auth.identities set identity_data = identity_data || $2::jsonb, updated_at = $3 where id = $1',
    [id, JSON.stringify(changes), iso(now)],
  );
}

/** Somebody signed in with it, and the provider told this about them. */
export async function touchIdentity(tx: Tx, id: string, data: JsonObject, now: number): Promise<void> {
  await tx.rows('update auth.identities set identity_data = $2, last_sign_in_at = $3, updated_at = $3 where id = $1', [
    id,
    JSON.stringify(data),
    iso(now),
  ]);
}

export async function deleteIdentity(tx: Tx, id: string): Promise<void> {
  await tx.rows('delete from auth.identities where id = $1', [id]);
}

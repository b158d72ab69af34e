import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../body.ts';
import { AUDIENCE } from '../config.ts';
import { assignments, iso, jsonRows, NO_INSTANCE, type Moment, type Tx } from './rows.ts';

/** `auth.users`. What a hosted project or an import left NULL counts as empty everywhere. */
export interface UserRow {
  readonly id: string;
  readonly aud: string | null;
  readonly role: string | null;
  readonly email: string | null;
  readonly encrypted_password: string | null;
  readonly email_confirmed_at: Moment | null;
  readonly invited_at: Moment | null;
  readonly confirmation_token: string | null;
  readonly confirmation_sent_at: Moment | null;
  readonly recovery_token: string | null;
  readonly recovery_sent_at: Moment | null;
  readonly email_change_token_new: string | null;
  readonly email_change: string | null;
  readonly email_change_sent_at: Moment | null;
  readonly last_sign_in_at: Moment | null;
  readonly raw_app_meta_data: JsonObject | null;
  readonly raw_user_meta_data: JsonObject | null;
  readonly is_super_admin: boolean | null;
  readonly created_at: Moment | null;
  readonly updated_at: Moment | null;
  readonly phone: string | null;
  readonly phone_confirmed_at: Moment | null;
  readonly phone_change: string | null;
  readonly phone_change_token: string | null;
  readonly phone_change_sent_at: Moment | null;
  readonly confirmed_at: Moment | null;
  readonly email_change_token_current: string | null;
  readonly email_change_confirm_status: number | null;
  readonly banned_until: Moment | null;
  readonly reauthentication_token: string | null;
  readonly reauthentication_sent_at: Moment | null;
  readonly is_sso_user: boolean;
  readonly deleted_at: Moment | null;
  readonly is_anonymous: boolean;
}

export type UserChanges = Partial<Omit<UserRow, 'id' | 'confirmed_at'>>;

export interface NewUser {
  readonly id?: string | undefined;
  readonly aud?: string | undefined;
  readonly role?: string | undefined;
  /** Lower case. */
  readonly email?: string | undefined;
  readonly phone?: string | undefined;
  readonly passwordHash?: string | undefined;
  readonly appMetadata: JsonObject;
  readonly userMetadata: JsonObject;
  readonly isAnonymous?: boolean | undefined;
}

export async function findUser(tx: Tx, id: string): Promise<UserRow | undefined> {
  const [row] = await jsonRows<UserRow>(tx, 'select to_json(u) as row from auth.users u where id = $1', [id]);
  return row;
}

/** Holds the row until the transaction ends, so that two changes to one account take turns. */
export async function lockUser(tx: Tx, id: string): Promise<UserRow | undefined> {
  const text = 'select to_json(u) as row from auth.users u where id = $1 for no key update';
  return (await jsonRows<UserRow>(tx, text, [id]))[0];
}

/** @param email in lower case; accounts of single sign-on are other accounts */
export async function findUserByEmail(tx: Tx, email: string): Promise<UserRow | undefined> {
  const text = `select to_json(u) as row from auth.users u
    where (instance_id = $1 or instance_id is null) and lower(email::text) = $2 and not is_sso_user
    order by deleted_at nulls first, email = $2 desc limit 1`;
  return (await jsonRows<UserRow>(tx, text, [NO_INSTANCE, email]))[0];
}

/** Whoever makes an account for this address, or gives it to one, takes turns until the transaction ends. */
export async function lockAddress(tx: Tx, email: string): Promise<void> {
  await tx.rows('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`auth.users.email ${email}`]);
}

/** Who is about to take this address. @param email in lower case */
export async function findUserByNewEmail(tx: Tx, email: string): Promise<UserRow | undefined> {
  const text = `select to_json(u) as row from auth.users u
    where lower(email_change) = $1 and not is_sso_user order by email_change_sent_at desc nulls last limit 1`;
  return (await jsonRows<UserRow>(tx, text, [email]))[0];
}

/** @param phone digits alone */
export async function findUserByPhone(tx: Tx, phone: string): Promise<UserRow | undefined> {
  const text = 'select to_json(u) as row from auth.users u where phone = $1 and not is_sso_user';
  return (await jsonRows<UserRow>(tx, text, [phone]))[0];
}

export async function insertUser(tx: Tx, user: NewUser, now: number): Promise<UserRow> {
  const id = user.id ?? randomUUID();
  await tx.rows(
    `insert into auth.users (instance_id, id, aud, role, email, phone, encrypted_password, raw_app_meta_data,
       raw_user_meta_data, is_anonymous, created_at, updated_at, confirmation_token, recovery_token,
       email_change_token_new, email_change)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, '', '', '', '')`,
    [
      NO_INSTANCE,
      id,
      user.aud ?? AUDIENCE,
      user.role ?? AUDIENCE,
      user.email ?? null,
      user.phone ?? null,
      user.passwordHash ?? '',
      JSON.stringify(user.appMetadata),
      JSON.stringify(user.userMetadata),
      user.isAnonymous ?? false,
      iso(now),
    ],
  );
  // Read again rather than RETURNING: a trigger of the owner's may have changed the row after it was written.
  const row = await findUser(tx, id);
  if (!row) throw new Error('a trigger on auth.users kept the new user from being saved');
  return row;
}

export async function updateUser(tx: Tx, id: string, changes: UserChanges, now: number): Promise<UserRow> {
  const [sql, values] = assignments({ ...changes, updated_at: iso(now) }, 2);
  await tx.rows(`update auth.users set ${sql} where id = $1`, [id, ...values]);
  const row = await findUser(tx, id);
  if (!row) throw new Error('the user is gone');
  return row;
}

/** Keys of `changes` are set; a key with null is removed. */
export function mergedMetadata(known: JsonObject | null, changes: JsonObject): JsonObject {
  const entries = Object.entries({ ...known, ...changes }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries);
}

export function isBanned(user: Pick<UserRow, 'banned_until'>, now: number): boolean {
  return user.banned_until !== null && Date.parse(user.banned_until) > now;
}

export interface UserPage {
  /** Part of an address or a name. */
  readonly filter: string;
  readonly limit: number;
  readonly offset: number;
}

const MATCHES = `($1 = '' or email ilike $2 or phone like $2 or raw_user_meta_data ->> 'full_name' ilike $2)`;

/** Newest first. */
export async function listUsers(tx: Tx, { filter, limit, offset }: UserPage): Promise<UserRow[]> {
  const text = `select to_json(u) as row from auth.users u where ${MATCHES}
    order by created_at desc nulls last, id limit $3 offset $4`;
  return jsonRows(tx, text, [filter, pattern(filter), limit, offset]);
}

export async function countUsers(tx: Tx, filter: string): Promise<number> {
  const text = `select count(*)::integer as total from auth.users where ${MATCHES}`;
  const [row] = await tx.rows<{ total: number }>(text, [filter, pattern(filter)]);
  return row?.total ?? 0;
}

function pattern(filter: string): string {
  return `%${filter.replaceAll(/[\\%_]/g, '\\$&')}%`;
}

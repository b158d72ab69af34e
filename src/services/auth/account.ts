import type { JsonObject } from './body.ts';
import { audit } from './store/audit.ts';
import { findIdentity, insertIdentity, updateIdentityData } from './store/identities.ts';
import { deleteOneTimeTokensOf } from './store/one-time-tokens.ts';
import { iso, type Tx } from './store/rows.ts';
import { deleteSessionsOf } from './store/sessions.ts';
import { mergedMetadata, updateUser, type UserChanges, type UserRow } from './store/users.ts';

/** What may be open for an account; a new password or another address voids all of it. */
const NO_OPEN_TOKENS: UserChanges = {
  confirmation_token: '',
  confirmation_sent_at: null,
  recovery_token: '',
  recovery_sent_at: null,
  email_change_token_current: '',
  email_change_token_new: '',
  email_change_sent_at: null,
  phone_change_token: '',
  phone_change_sent_at: null,
  reauthentication_token: '',
  reauthentication_sent_at: null,
};

/** The address is the user's: they followed a link there, or nobody asks for that. */
export async function confirmEmail(tx: Tx, user: UserRow, now: number): Promise<UserRow> {
  await deleteOneTimeTokensOf(tx, user.id);
  const identity = await findIdentity(tx, 'email', user.id);
  if (identity) await updateIdentityData(tx, identity.id, { email_verified: true }, now);
  const changes = {
    confirmation_token: '',
    recovery_token: '',
    email_confirmed_at: iso(now),
    raw_user_meta_data: mergedMetadata(user.raw_user_meta_data, { email_verified: true }),
  };
  return updateUser(tx, user.id, changes, now);
}

/**
 * The account goes under another address, and so does its e-mail identity; one that had none gets one. Letters to the
 * address before open it no more: whoever has that mailbox by now need not be the user.
 */
export async function replaceEmail(tx: Tx, user: UserRow, email: string, now: number): Promise<UserRow> {
  await replaceIdentity(tx, user, 'email', { email }, now);
  if (email === user.email) return updateUser(tx, user.id, { is_anonymous: false }, now);
  await deleteOneTimeTokensOf(tx, user.id);
  const closed = { ...NO_OPEN_TOKENS, email_change: '', email_change_confirm_status: 0 };
  return updateUser(tx, user.id, { email, is_anonymous: false, ...closed }, now);
}

export async function replacePhone(tx: Tx, user: UserRow, phone: string, now: number): Promise<UserRow> {
  await replaceIdentity(tx, user, 'phone', { phone }, now);
  return updateUser(tx, user.id, { phone, is_anonymous: false }, now);
}

async function replaceIdentity(
  tx: Tx,
  user: UserRow,
  provider: 'email' | 'phone',
  data: JsonObject,
  now: number,
): Promise<void> {
  const known = await findIdentity(tx, provider, user.id);
  if (known) await updateIdentityData(tx, known.id, data, now);
  else await insertIdentity(tx, { userId: user.id, provider, providerId: user.id, data }, now);
}

/**
 * Whoever knew the old password is sent away: sessions end, open links and codes are void.
 *
 * @param keep the session that asked for it
 */
export async function replacePassword(
  tx: Tx,
  user: UserRow,
  hash: string,
  { keep, ip, now }: { readonly keep: string | undefined; readonly ip: string; readonly now: number },
): Promise<UserRow> {
  await deleteOneTimeTokensOf(tx, user.id);
  await deleteSessionsOf(tx, user.id, keep);
  await audit(tx, 'user_updated_password', { actor: user, ip }, now);
  return updateUser(tx, user.id, { encrypted_password: hash, ...NO_OPEN_TOKENS }, now);
}

import { createHash } from 'node:crypto';
import { deleteFactorsOf } from './store/factors.ts';
import { deleteIdentity, findIdentities } from './store/identities.ts';
import { deleteOneTimeTokensOf } from './store/one-time-tokens.ts';
import { iso, type Tx } from './store/rows.ts';
import { deleteSessionsOf } from './store/sessions.ts';
import { updateUser, type UserRow } from './store/users.ts';

/** Rows that reference the user follow as their foreign keys say. */
export async function deleteUser(tx: Tx, id: string): Promise<void> {
  await tx.rows('delete from auth.users where id = $1', [id]);
}

/**
 * Keeps the row, for what references it, and forgets who it was: addresses become digests, so that the same address
 * can sign up again.
 */
export async function softDelete(tx: Tx, user: UserRow, now: number): Promise<void> {
  if (user.deleted_at !== null) return;
  await deleteSessionsOf(tx, user.id);
  await deleteFactorsOf(tx, user.id);
  await deleteOneTimeTokensOf(tx, user.id);
  for (const { id } of await findIdentities(tx, user.id)) await deleteIdentity(tx, id);
  const changes = {
    email: user.email && obscured(user.id, user.email),
    phone: user.phone && obscured(user.id, user.phone).slice(0, 15),
    encrypted_password: '',
    confirmation_token: '',
    recovery_token: '',
    email_change: '',
    email_change_token_current: '',
    email_change_token_new: '',
    phone_change: '',
    phone_change_token: '',
    reauthentication_token: '',
    raw_user_meta_data: {},
    raw_app_meta_data: {},
    deleted_at: iso(now),
  };
  await updateUser(tx, user.id, changes, now);
}

function obscured(id: string, text: string): string {
  return createHash('sha256').update(`${id}${text}`).digest('base64url');
}

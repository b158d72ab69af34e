import { EMAIL_PROVIDER } from './email-user.ts';
import { deleteIdentity, findIdentities, insertIdentity } from './store/identities.ts';
import { deleteFactorsOf } from './store/mfa.ts';
import { deleteOneTimeTokensOf } from './store/one-time-tokens.ts';
import type { Tx } from './store/rows.ts';
import { deleteSessionsOf } from './store/sessions.ts';
import { updateUser, type UserRow } from './store/users.ts';

/**
 * Somebody registered this address and never showed that it is theirs; now its owner comes. Whatever was set up to wait
 * for them goes: password, other identities, second factors, sessions, open letters, metadata.
 */
export async function disown(tx: Tx, user: UserRow, now: number): Promise<UserRow> {
  for (const identity of await findIdentities(tx, user.id)) await deleteIdentity(tx, identity.id);
  await deleteSessionsOf(tx, user.id);
  await deleteFactorsOf(tx, user.id);
  await deleteOneTimeTokensOf(tx, user.id);
  const changes = {
    encrypted_password: '',
    confirmation_token: '',
    recovery_token: '',
    email_change: '',
    email_change_token_new: '',
    email_change_token_current: '',
    reauthentication_token: '',
    raw_user_meta_data: {},
    raw_app_meta_data: { ...user.raw_app_meta_data, provider: undefined, providers: [] },
  };
  return updateUser(tx, user.id, changes, now);
}

/**
 * The owner of the address comes by a letter that does not speak of a sign-up. An account that nobody but they could
 * enter stays as it is.
 */
export async function disownForLetter(tx: Tx, user: UserRow, now: number): Promise<UserRow> {
  const identities = await findIdentities(tx, user.id);
  const claimed = (user.encrypted_password ?? '') !== '' || identities.some(({ provider }) => provider !== 'email');
  if (!claimed) return user;
  const { raw_app_meta_data: metadata } = await disown(tx, user, now);
  const data = { email: user.email };
  await insertIdentity(tx, { userId: user.id, provider: 'email', providerId: user.id, data }, now);
  return updateUser(tx, user.id, { raw_app_meta_data: { ...metadata, ...EMAIL_PROVIDER } }, now);
}

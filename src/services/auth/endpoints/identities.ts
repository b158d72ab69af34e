import { isUuid } from '../body.ts';
import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Reply } from '../message.ts';
import { redirect } from '../redirect-reply.ts';
import { forUser, type Route, type UserCall } from '../router.ts';
import { audit } from '../store/audit.ts';
import { deleteIdentity, findIdentities, type IdentityRow } from '../store/identities.ts';
import { iso, type Tx } from '../store/rows.ts';
import { findUserByEmail, lockUser, updateUser, type UserRow } from '../store/users.ts';
import { beginFlow } from './oauth.ts';

export const identityRoutes: readonly Route[] = [
  forUser('GET', '/user/identities/authorize', linkIdentity, LIMITS.otp),
  forUser('DELETE', '/user/identities/:id', unlinkIdentity),
];

async function linkIdentity(call: UserCall, context: AuthContext): Promise<Reply> {
  assertLinking(context);
  const { url } = await beginFlow(call, context, call.user.id);
  return call.query.get('skip_http_redirect') === 'true' ? { status: 200, body: { url } } : redirect(url, 302);
}

async function unlinkIdentity(call: UserCall, context: AuthContext): Promise<Reply> {
  assertLinking(context);
  const { id = '' } = call.params;
  if (!isUuid(id)) throw new AuthError('validation_failed', 'identity_id must be an UUID', { status: 404 });
  return context.database.transaction(async (tx) => {
    const user = await lockUser(tx, call.user.id);
    if (!user) throw new AuthError('user_not_found', 'User not found');
    const all = await findIdentities(tx, user.id);
    const gone = all.find((identity) => identity.id === id);
    if (all.length <= 1) {
      const message = 'User must have at least 1 identity after unlinking';
      throw new AuthError('single_identity_not_deletable', message);
    }
    if (!gone) throw new AuthError('identity_not_found', "Identity doesn't exist");
    const left = all.filter((identity) => identity !== gone);
    await deleteIdentity(tx, gone.id);
    const now = context.now();
    const traits = { identity_id: gone.id, provider: gone.provider, provider_id: gone.provider_id };
    await audit(tx, 'identity_unlinked', { actor: user, ip: call.request.ip, traits }, now);
    await updateUser(tx, user.id, { ...(await changesAfter(tx, user, gone, left)), ...password(gone) }, now);
    return { status: 200, body: {} };
  });

  async function changesAfter(
    tx: Tx,
    user: UserRow,
    gone: IdentityRow,
    left: readonly IdentityRow[],
  ): Promise<Partial<UserRow>> {
    const names = [...new Set(left.map(({ provider }) => provider))];
    const metadata = { raw_app_meta_data: { ...user.raw_app_meta_data, provider: names[0], providers: names } };
    const address = user.email?.toLowerCase();
    if (gone.email !== address || left.some((identity) => vouches(identity) && identity.email === address)) {
      return metadata;
    }
    // What is left has not shown that the address is theirs: it goes under one that has been shown, or under none.
    const next = left.find(vouches)?.email ?? null;
    const holder = next === null ? undefined : await findUserByEmail(tx, next);
    if (holder && holder.id !== user.id) {
      const message = 'Unable to unlink identity due to email conflict';
      throw new AuthError('email_conflict_identity_not_deletable', message);
    }
    return { ...metadata, email: next, email_confirmed_at: next === null ? null : iso(context.now()) };
  }
}

/** Does this identity show that its address is verified? */
function vouches({ identity_data, email }: IdentityRow): boolean {
  return email !== null && identity_data?.['email_verified'] === true;
}

/** With the identity `email` goes the password: it would open the account under whatever address comes next. */
function password({ provider }: IdentityRow): Partial<UserRow> {
  return provider === 'email' ? { encrypted_password: '' } : {};
}

function assertLinking({ config }: AuthContext): void {
  if (!config.manualLinking) throw new AuthError('manual_linking_disabled', 'Manual linking is disabled');
}

import { confirmEmail } from '../account.ts';
import { postTo } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';
import { disown } from '../disown.ts';
import { refused, type Reply } from '../message.ts';
import { findLink } from '../one-time-code.ts';
import { databaseStep } from '../pg-errors.ts';
import type { Call } from '../router.ts';
import { audit } from '../store/audit.ts';
import { findIdentity, insertIdentity, touchIdentity } from '../store/identities.ts';
import type { Tx } from '../store/rows.ts';
import {
  findUser,
  findUserByEmail,
  insertUser,
  isBanned,
  lockAddress,
  mergedMetadata,
  updateUser,
  type UserRow,
} from '../store/users.ts';
import type { ProviderAccount } from './account.ts';

export interface ArrivedAccount {
  readonly provider: string;
  readonly account: ProviderAccount;
  /** Link of an invitation that the sign-in began with. */
  readonly inviteToken?: string | undefined;
  /** Whom the account is to be added to, where a signed-in user asked for that. */
  readonly linkTo?: string | undefined;
}

/**
 * Whose account of ours this account at a provider is:
 *
 * 1. the one that has it as an identity, whatever its address is by now;
 * 2. else the one with its address, if the provider says that the address is verified;
 * 3. else a new one. One whose address is not verified never reaches an account that is there.
 *
 * @throws AuthError; a refusal whose traces stay (a new account, a letter) is returned
 */
export async function signInAccount(
  tx: Tx,
  arrived: ArrivedAccount,
  call: Call,
  context: AuthContext,
): Promise<{ readonly user: UserRow } | (Reply & { readonly refusal: AuthError })> {
  const now = context.now();
  const { provider, account } = arrived;
  // Two callbacks for one account take turns, so that they cannot make two users.
  await tx.rows('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${provider} ${account.subject}`]);
  if (account.email) await lockAddress(tx, account.email);
  const known = await findIdentity(tx, provider, account.subject);
  if (arrived.linkTo !== undefined)
    return { user: await link(tx, arrived, arrived.linkTo, known?.user_id, call, context) };
  if (arrived.inviteToken !== undefined) return { user: await accept(tx, arrived, arrived.inviteToken, call, context) };
  if (known) {
    await touchIdentity(tx, known.id, identityData(account), now);
    return settle(tx, await refreshed(tx, known.user_id, account, now), arrived, call, context);
  }
  const owner = account.emailVerified && account.email ? await findUserByEmail(tx, account.email) : undefined;
  if (owner && owner.deleted_at === null) {
    return settle(tx, await adopt(tx, owner, arrived, call, now), arrived, call, context);
  }
  return settle(tx, await create(tx, arrived, call, context), arrived, call, context);
}

/** What a sign-in must not pass by: a ban, and an address that nobody has verified. */
async function settle(
  tx: Tx,
  user: UserRow,
  { provider, account }: ArrivedAccount,
  call: Call,
  context: AuthContext,
): Promise<{ readonly user: UserRow } | (Reply & { readonly refusal: AuthError })> {
  if (isBanned(user, context.now())) throw new AuthError('user_banned', 'User is banned');
  if (user.email_confirmed_at !== null || !user.email) return { user };
  const own = account.emailVerified && account.email === user.email;
  if (own || context.config.autoconfirm) return { user: await confirmEmail(tx, user, context.now()) };
  // Without mail nobody can show that the address is theirs, and it must not be taken from whom it belongs to.
  if (!context.mail.available) throw unverified(provider);
  await postTo(tx, user, 'confirmation', call, context);
  const message = `Unverified email with ${provider}. A confirmation email has been sent to your ${provider} email`;
  return refusedWith(new AuthError('provider_email_needs_verification', message, { status: 422 }));
}

function unverified(provider: string): AuthError {
  const message = `Unverified email with ${provider}. Verify the email with ${provider} in order to sign in`;
  return new AuthError('provider_email_needs_verification', message, { status: 422 });
}

function refusedWith(refusal: AuthError): Reply & { readonly refusal: AuthError } {
  return { ...refused(refusal), refusal };
}

async function refreshed(tx: Tx, userId: string, account: ProviderAccount, now: number): Promise<UserRow> {
  const user = await findUser(tx, userId);
  if (!user) throw new Error('an identity without its user');
  const metadata = mergedMetadata(user.raw_user_meta_data, identityData(account));
  return updateUser(tx, user.id, { raw_user_meta_data: metadata }, now);
}

/** Adds the account to the user who has its address. */
async function adopt(tx: Tx, owner: UserRow, arrived: ArrivedAccount, call: Call, now: number): Promise<UserRow> {
  const user = owner.email_confirmed_at === null ? await disown(tx, owner, now) : owner;
  return addIdentity(tx, user, arrived, call.request.ip, now);
}

async function create(tx: Tx, arrived: ArrivedAccount, call: Call, context: AuthContext): Promise<UserRow> {
  const { provider, account } = arrived;
  const now = context.now();
  if (context.config.disableSignup) {
    throw new AuthError('signup_disabled', 'Signups not allowed for this instance');
  }
  if (!account.email) {
    throw new AuthError('email_address_not_provided', 'Error getting user email from external provider');
  }
  // Only an address that is not verified gets here when somebody has it.
  if (await findUserByEmail(tx, account.email)) {
    throw unverified(provider);
  }
  const { email } = account;
  return databaseStep('Database error saving new user', async () => {
    const metadata = { appMetadata: { provider, providers: [provider] }, userMetadata: identityData(account) };
    const user = await insertUser(tx, { email, ...metadata }, now);
    await insertIdentity(
      tx,
      { userId: user.id, provider, providerId: account.subject, data: identityData(account) },
      now,
    );
    await audit(tx, 'user_signedup', { actor: user, ip: call.request.ip, traits: { provider } }, now);
    return user;
  });
}

/**
 * A signed-in user adds an account of theirs.
 *
 * @throws AuthError identity_already_exists
 */
async function link(
  tx: Tx,
  arrived: ArrivedAccount,
  targetId: string,
  holder: string | undefined,
  call: Call,
  context: AuthContext,
): Promise<UserRow> {
  const target = await findUser(tx, targetId);
  if (!target || target.deleted_at !== null) throw new AuthError('user_not_found', 'User not found');
  if (isBanned(target, context.now())) throw new AuthError('user_banned', 'User is banned');
  if (holder !== undefined) {
    const whose = holder === targetId ? 'Identity is already linked' : 'Identity is already linked to another user';
    throw new AuthError('identity_already_exists', whose);
  }
  const user = await addIdentity(tx, target, arrived, call.request.ip, context.now());
  const { email, emailVerified } = arrived.account;
  // An account that had no address takes this one, if it is proven and free.
  if (user.email || !email || !emailVerified || (await findUserByEmail(tx, email))) return user;
  return confirmEmail(tx, await updateUser(tx, user.id, { email, is_anonymous: false }, context.now()), context.now());
}

/** @throws AuthError invite_not_found, validation_failed */
async function accept(
  tx: Tx,
  arrived: ArrivedAccount,
  token: string,
  call: Call,
  context: AuthContext,
): Promise<UserRow> {
  const { user: invited } = await findLink(tx, token, ['confirmation_token'], context).catch((cause: unknown) => {
    throw cause instanceof AuthError ? new AuthError('invite_not_found', 'Invite not found', { cause }) : cause;
  });
  if (invited.invited_at === null) throw new AuthError('invite_not_found', 'Invite not found');
  if (isBanned(invited, context.now())) throw new AuthError('user_banned', 'User is banned');
  const { email, emailVerified } = arrived.account;
  if (!emailVerified || email !== invited.email) {
    throw new AuthError('validation_failed', 'Invited email does not match emails from external provider');
  }
  const { ip } = call.request;
  const user = await addIdentity(tx, invited, arrived, ip, context.now());
  await audit(tx, 'invite_accepted', { actor: user, ip, traits: { provider: arrived.provider } }, context.now());
  return confirmEmail(tx, user, context.now());
}

async function addIdentity(
  tx: Tx,
  user: UserRow,
  { provider, account }: ArrivedAccount,
  ip: string,
  now: number,
): Promise<UserRow> {
  const data = identityData(account);
  await insertIdentity(tx, { userId: user.id, provider, providerId: account.subject, data }, now);
  await audit(tx, 'identity_linked', { actor: user, ip, traits: { provider } }, now);
  const known = user.raw_app_meta_data?.['providers'];
  const providers = [...new Set([...(Array.isArray(known) ? (known as unknown[]) : []), provider])];
  const changes = {
    raw_app_meta_data: {
      ...user.raw_app_meta_data,
      provider: user.raw_app_meta_data?.['provider'] ?? provider,
      providers,
    },
    raw_user_meta_data: mergedMetadata(user.raw_user_meta_data, data),
  };
  return updateUser(tx, user.id, changes, now);
}

function identityData({ subject, email, emailVerified, data }: ProviderAccount): Record<string, unknown> {
  return { ...data, sub: subject, ...(email && { email }), email_verified: emailVerified, phone_verified: false };
}

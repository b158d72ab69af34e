import { confirmEmail, replaceEmail, replacePassword, replacePhone } from './account.ts';
import { parsePasswordHash } from '../../foundation/crypto/password-hash.ts';
import { flag, isUuid, object, text, type JsonObject } from './body.ts';
import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import { parseDuration } from './go-duration.ts';
import { readEmail, readPhone } from './identifiers.ts';
import type { Reply } from './message.ts';
import { assertGoodPassword, assertShortEnough } from './password-policy.ts';
import { databaseStep } from './pg-errors.ts';
import type { AdminCall } from './router.ts';
import { describeUser } from './session.ts';
import { audit } from './store/audit.ts';
import { insertIdentity } from './store/identities.ts';
import { iso, type Tx } from './store/rows.ts';
import {
  findUser,
  findUserByEmail,
  findUserByPhone,
  insertUser,
  lockAddress,
  lockUser,
  mergedMetadata,
  updateUser,
  type UserChanges,
  type UserRow,
} from './store/users.ts';

/** What an operator may say of a user; all of it may be left out. */
interface AdminWish {
  readonly id: string | undefined;
  readonly email: string | undefined;
  readonly phone: string | undefined;
  readonly password: string | undefined;
  readonly passwordHash: string | undefined;
  readonly emailConfirm: boolean;
  readonly phoneConfirm: boolean;
  readonly userMetadata: JsonObject | undefined;
  readonly appMetadata: JsonObject | undefined;
  readonly aud: string | undefined;
  readonly role: string | undefined;
  /** Milliseconds; 0 lifts a ban. */
  readonly banFor: number | undefined;
}

/** `POST /admin/users` */
export async function createUserAsAdmin(call: AdminCall, context: AuthContext): Promise<Reply> {
  const wish = readWish(call);
  const { email, phone } = wish;
  if (email === undefined && phone === undefined) {
    const message = 'Cannot create a user without either an email or phone';
    throw new AuthError('validation_failed', message);
  }
  if (wish.password !== undefined) assertShortEnough(wish.password);
  const passwordHash = await hashOf(wish, context);
  return context.database.transaction(async (tx) => {
    const now = context.now();
    await assertFree(tx, wish);
    const providers = [...(email === undefined ? [] : ['email']), ...(phone === undefined ? [] : ['phone'])];
    const made = await databaseStep('Database error creating new user', async () => {
      const user = await insertUser(
        tx,
        {
          ...wish,
          passwordHash,
          appMetadata: mergedMetadata({ provider: providers[0], providers }, wish.appMetadata ?? {}),
          userMetadata: mergedMetadata(null, wish.userMetadata ?? {}),
        },
        now,
      );
      for (const [provider, data] of [
        ['email', { email }],
        ['phone', { phone }],
      ] as const) {
        if (!providers.includes(provider)) continue;
        await insertIdentity(tx, { userId: user.id, provider, providerId: user.id, data }, now);
      }
      return user;
    });
    await audit(tx, 'user_signedup', { actor: call, ip: call.request.ip, traits: traitsOf(made) }, now);
    const user = await applyStates(tx, made, wish, now);
    return { status: 200, body: await describeUser(tx, user) };
  });
}

/** `PUT /admin/users/{id}` */
export async function changeUserAsAdmin(id: string, call: AdminCall, context: AuthContext): Promise<Reply> {
  const wish = readWish(call);
  if (wish.password !== undefined) await assertGoodPassword(wish.password, context);
  const passwordHash = await hashOf(wish, context);
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const known = await lockUser(tx, id);
    if (!known) throw new AuthError('user_not_found', 'User not found');
    await assertFree(tx, wish, id);
    const user = await databaseStep('Error updating user', async () => {
      let next = known;
      if (passwordHash !== undefined) {
        next = await replacePassword(tx, next, passwordHash, { keep: undefined, ip: call.request.ip, now });
      }
      if (wish.email !== undefined) next = await replaceEmail(tx, next, wish.email, now);
      if (wish.phone !== undefined) next = await replacePhone(tx, next, wish.phone, now);
      const { appMetadata, userMetadata, role, aud } = wish;
      const changes: UserChanges = {
        ...(role !== undefined && { role }),
        ...(aud !== undefined && { aud }),
        ...(appMetadata && { raw_app_meta_data: mergedMetadata(next.raw_app_meta_data, appMetadata) }),
        ...(userMetadata && { raw_user_meta_data: mergedMetadata(next.raw_user_meta_data, userMetadata) }),
      };
      if (Object.keys(changes).length > 0) next = await updateUser(tx, id, changes, now);
      return applyStates(tx, next, wish, now);
    });
    await audit(tx, 'user_modified', { actor: call, ip: call.request.ip, traits: traitsOf(user) }, now);
    return { status: 200, body: await describeUser(tx, user) };
  });
}

/** @throws AuthError validation_failed, bad_json */
function readWish(call: AdminCall): AdminWish {
  const body = call.body();
  const id = text(body, 'id');
  if (id && !isUuid(id)) throw new AuthError('validation_failed', 'ID must conform to the uuid v4 format');
  const [email, phone] = [text(body, 'email'), text(body, 'phone')];
  const [password, passwordHash] = [text(body, 'password') || undefined, text(body, 'password_hash') || undefined];
  if (password !== undefined && passwordHash !== undefined) {
    throw new AuthError('validation_failed', 'Only a password or a password hash should be provided');
  }
  if (passwordHash !== undefined && parsePasswordHash(passwordHash).kind === 'other') {
    throw new AuthError('validation_failed', 'The password hash is of no known kind');
  }
  return {
    id: id?.toLowerCase() || undefined,
    email: email ? readEmail(email) : undefined,
    phone: phone ? readPhone(phone) : undefined,
    password,
    passwordHash,
    emailConfirm: flag(body, 'email_confirm'),
    phoneConfirm: flag(body, 'phone_confirm'),
    userMetadata: object(body, 'user_metadata'),
    appMetadata: object(body, 'app_metadata'),
    aud: text(body, 'aud') || undefined,
    role: text(body, 'role')?.trim() || undefined,
    banFor: readBan(text(body, 'ban_duration') ?? ''),
  };
}

function readBan(duration: string): number | undefined {
  if (duration === '') return undefined;
  const milliseconds = duration === 'none' ? 0 : parseDuration(duration);
  if (milliseconds !== undefined) return milliseconds;
  throw new AuthError('validation_failed', `invalid format for ban duration: "${duration}"`);
}

async function hashOf(wish: AdminWish, { passwords }: AuthContext): Promise<string | undefined> {
  return wish.password === undefined ? wish.passwordHash : passwords.hash(wish.password);
}

/** @throws AuthError email_exists, phone_exists, user_already_exists */
async function assertFree(tx: Tx, wish: AdminWish, self?: string): Promise<void> {
  const taken = (found: UserRow | undefined): boolean => found !== undefined && found.id !== self;
  if (wish.email !== undefined) await lockAddress(tx, wish.email);
  if (wish.email !== undefined && taken(await findUserByEmail(tx, wish.email))) {
    throw new AuthError('email_exists', 'A user with this email address has already been registered');
  }
  if (wish.phone !== undefined && taken(await findUserByPhone(tx, wish.phone))) {
    throw new AuthError('phone_exists', 'A user with this phone number has already been registered');
  }
  if (self === undefined && wish.id !== undefined && (await findUser(tx, wish.id))) {
    throw new AuthError('user_already_exists', 'A user with this id exists already');
  }
}

/** Confirmations and bans, which both creation and change may ask for. */
async function applyStates(tx: Tx, user: UserRow, wish: AdminWish, now: number): Promise<UserRow> {
  let next = user;
  if (wish.emailConfirm) next = await confirmEmail(tx, next, now);
  if (wish.phoneConfirm) next = await updateUser(tx, next.id, { phone_confirmed_at: iso(now) }, now);
  if (wish.banFor !== undefined) {
    const until = wish.banFor > 0 ? iso(now + wish.banFor) : null;
    next = await updateUser(tx, next.id, { banned_until: until }, now);
  }
  return next;
}

function traitsOf(user: UserRow): Record<string, unknown> {
  return { user_id: user.id, user_email: user.email ?? '', user_phone: user.phone ?? '' };
}

import { VectabaseError } from '../../foundation/core/errors.ts';
import { hashPassword, isTooLong, MAX_PASSWORD_BYTES } from '../../foundation/crypto/password-hash.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { errorCode, isSqlState } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { changeAccount, NO_ID, withUsers, writeAudit, type Account } from './accounts.ts';

export interface Changed {
  readonly account: Account;
  /** Logins that ended with it. */
  readonly sessionsEnded: number;
}

export interface NewAccount {
  readonly email: string;
  /** Undefined for one that signs in by mail or by a provider. */
  readonly password: string | undefined;
  /** Whether the address counts as confirmed. */
  readonly confirmed: boolean;
  readonly minLength: number;
}

/** @throws VectabaseError USER_EXISTS, USAGE */
export async function createUser(target: DatabaseAddress, wanted: NewAccount): Promise<Account> {
  const email = wanted.email.trim().toLowerCase();
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) {
    throw new VectabaseError('USAGE', {
      message: `${email} is no e-mail address`,
      hint: 'Write it as name@example.com.',
    });
  }
  const hash = wanted.password === undefined ? '' : hashOf(wanted.password, wanted.minLength);
  return withUsers(target, (session) =>
    inTransaction(session, async () => {
      await session.rows('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`auth.users.email ${email}`]);
      const taken = await session.rows('select 1 from auth.users where lower(email) = $1 and not is_sso_user', [email]);
      if (taken.length > 0) throw exists(email);
      const account = await insert(session, { email, hash, confirmed: wanted.confirmed });
      await writeAudit(session, 'user_signedup', 'team', account);
      return account;
    }),
  );
}

async function insert(
  session: Session,
  { email, hash, confirmed }: { email: string; hash: string; confirmed: boolean },
): Promise<Account> {
  const [made] = await session.rows<{ id: string }>(
    `insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
       raw_user_meta_data, created_at, updated_at, confirmation_token, recovery_token, email_change_token_new, email_change)
     values ($1, gen_random_uuid(), 'authenticated', 'authenticated', $2, $3, case when $4::boolean then now() end,
       '{"provider":"email","providers":["email"]}', jsonb_build_object('email_verified', $4::boolean), now(), now(), '', '', '', '')
     returning id`,
    [NO_ID, email, hash, confirmed],
  );
  const id = made?.id ?? '';
  await session.rows(
    `insert into auth.identities (user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at)
       select id, 'email', id::text, jsonb_build_object('sub', id, 'email', email,
         'email_verified', email_confirmed_at is not null, 'phone_verified', false), now(), now(), now()
         from auth.users where id = $1`,
    [id],
  );
  return { id, email, phone: null };
}

/**
 * Sign-ins and refreshes are refused until then, and present logins end. Tokens that are out go on at the REST API for
 * as long as they live, an hour at most.
 *
 * @param until ISO 8601
 */
export async function banUser(target: DatabaseAddress, who: string, until: string): Promise<Changed> {
  return change(target, who, 'user_modified', async (session, { id }) => {
    await session.rows('update auth.users set banned_until = $2, updated_at = now() where id = $1', [id, until]);
    return endSessions(session, id);
  });
}

export async function unbanUser(target: DatabaseAddress, who: string): Promise<Changed> {
  return change(target, who, 'user_modified', async (session, { id }) => {
    await session.rows('update auth.users set banned_until = null, updated_at = now() where id = $1', [id]);
    return 0;
  });
}

/** Ends one login, or all of them. @throws VectabaseError USER_NOT_FOUND */
export async function revokeSessions(target: DatabaseAddress, who: string, only: string | undefined): Promise<Changed> {
  return change(target, who, 'logout', (session, { id }) => endSessions(session, id, only));
}

/** Whoever knew the old one is sent away, and open links are void. @throws VectabaseError USAGE, USER_NOT_FOUND */
export async function setPassword(
  target: DatabaseAddress,
  who: string,
  { password, minLength }: { readonly password: string; readonly minLength: number },
): Promise<Changed> {
  const hash = hashOf(password, minLength);
  return change(target, who, 'user_updated_password', async (session, { id }) => {
    await session.rows(
      `update auth.users set encrypted_password = $2, updated_at = now(), confirmation_token = '', recovery_token = '',
         email_change_token_current = '', email_change_token_new = '', phone_change_token = '', reauthentication_token = ''
         where id = $1`,
      [id, hash],
    );
    await session.rows('delete from auth.one_time_tokens where user_id = $1', [id]);
    return endSessions(session, id);
  });
}

/** For whoever lost their phone: the second factors go, and with them the logins that had one. */
export async function unlockMfa(target: DatabaseAddress, who: string): Promise<Changed & { readonly factors: number }> {
  let factors = 0;
  const changed = await change(target, who, 'factor_deleted', async (session, { id }) => {
    factors = await session.count('delete from auth.mfa_factors where user_id = $1', [id]);
    return session.count(`delete from auth.sessions where user_id = $1 and aal > 'aal1'`, [id]);
  });
  return { ...changed, factors };
}

/**
 * Takes the row away, and what hangs on it as the foreign keys say.
 *
 * @throws VectabaseError USER_NOT_FOUND, USER_IN_USE
 */
export async function deleteUser(target: DatabaseAddress, who: string): Promise<Changed> {
  try {
    return await change(target, who, 'user_deleted', async (session, { id }) => {
      const ended = await endSessions(session, id);
      await session.rows('delete from auth.users where id = $1', [id]);
      return ended;
    });
  } catch (error) {
    if (!isSqlState(error, '23503')) throw error;
    const { table } = error as { table?: string };
    throw new VectabaseError('USER_IN_USE', {
      message: `rows of ${table ?? 'another table'} hold on to ${who}, so nothing was deleted`,
      hint: `Change or delete those rows first, or keep the account and run vectabase users ban ${who}.`,
      details: { table: table ?? null, sqlState: errorCode(error) ?? null },
      cause: error,
    });
  }
}

async function change(
  target: DatabaseAddress,
  who: string,
  action: string,
  body: (session: Session, account: Account) => Promise<number>,
): Promise<Changed> {
  const { account, value } = await changeAccount(target, who, async (session, found) => {
    const ended = await body(session, found);
    await writeAudit(session, action, LOG_TYPES[action] ?? 'user', found);
    return ended;
  });
  return { account, sessionsEnded: value };
}

const LOG_TYPES: Readonly<Record<string, 'account' | 'team' | 'factor'>> = {
  logout: 'account',
  user_deleted: 'team',
  factor_deleted: 'factor',
};

async function endSessions(session: Session, id: string, only?: string): Promise<number> {
  const text = 'delete from auth.sessions where user_id = $1 and ($2::text is null or id::text = $2)';
  return session.count(text, [id, only ?? null]);
}

function hashOf(password: string, minLength: number): string {
  const wrong = isTooLong(password)
    ? `the password is longer than ${MAX_PASSWORD_BYTES} bytes`
    : Array.from(password).length < minLength
      ? `the password is shorter than ${minLength} characters`
      : undefined;
  if (wrong === undefined) return hashPassword(password);
  throw new VectabaseError('USAGE', {
    message: wrong,
    hint: 'Choose another one; auth.passwordMinLength in vectabase.yml says how short one may be.',
  });
}

function exists(email: string): VectabaseError {
  return new VectabaseError('USER_EXISTS', {
    message: `${email} has an account already`,
    hint: `Run vectabase users show ${email}.`,
    details: { email },
  });
}

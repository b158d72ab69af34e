import { randomInt } from 'node:crypto';
import type { AuthContext } from './context.ts';
import { isSame, newSecret, sha224 } from './digest.ts';
import { AuthError } from './errors.ts';
import {
  deleteOneTimeTokens,
  findOneTimeToken,
  putOneTimeToken,
  type OneTimeTokenRow,
} from './store/one-time-tokens.ts';
import { iso, millis, type Moment, type Tx } from './store/rows.ts';
import { findUser, updateUser, type UserRow } from './store/users.ts';

/**
 * What a letter carries: a link that nobody can guess, and a code that a person can type. The two are kept apart.
 *
 * In GoTrue the link is the digest of address and code, so whoever guesses a six-digit code has guessed the link, which
 * names no address and so cannot be counted against one. Here the column of `auth.users` holds the digest of address
 * and code, for those who type it, and `auth.one_time_tokens` the digest of a link of 256 random bits. In rows that
 * moved here both hold GoTrue's one value, and links with it in open letters go on working.
 */
export interface IssuedCode {
  readonly code: string;
  /** Stands in the letter's link as `token`; begins with `pkce_` where a page waits for a code to redeem. */
  readonly link: string;
}

/** The column of `auth.users` that each kind has, and the one that tells when it was sent. */
const COLUMNS = {
  confirmation_token: ['confirmation_token', 'confirmation_sent_at'],
  recovery_token: ['recovery_token', 'recovery_sent_at'],
  email_change_token_new: ['email_change_token_new', 'email_change_sent_at'],
  email_change_token_current: ['email_change_token_current', 'email_change_sent_at'],
  reauthentication_token: ['reauthentication_token', 'reauthentication_sent_at'],
} as const;
export type CodeType = keyof typeof COLUMNS;

const PKCE = 'pkce_';

/** Makes a new pair; the one before it is void. */
export async function issueCode(
  tx: Tx,
  user: UserRow,
  type: CodeType,
  { address, pkce }: { readonly address: string; readonly pkce: boolean },
  context: Pick<AuthContext, 'now' | 'config'>,
): Promise<IssuedCode> {
  const now = context.now();
  const digits = context.config.mail.codeDigits;
  const code = String(randomInt(10 ** digits)).padStart(digits, '0');
  const link = (pkce ? PKCE : '') + newSecret();
  const [column, sentAt] = COLUMNS[type];
  await putOneTimeToken(tx, { userId: user.id, type, hash: sha224(link), relatesTo: address }, now);
  await updateUser(tx, user.id, { [column]: sha224(address + code), [sentAt]: iso(now) }, now);
  return { code, link };
}

/** A code or link is used, or void. */
export async function voidCode(tx: Tx, user: UserRow, type: CodeType, now: number): Promise<UserRow> {
  await deleteOneTimeTokens(tx, user.id, [type]);
  return updateUser(tx, user.id, { [COLUMNS[type][0]]: '' }, now);
}

/** Letters about a change of address are void at once, not when the next ones are written: they prove another address. */
export async function voidChangeOfEmail(tx: Tx, user: UserRow, now: number): Promise<UserRow> {
  await deleteOneTimeTokens(tx, user.id, ['email_change_token_new', 'email_change_token_current']);
  const changes = { email_change_token_new: '', email_change_token_current: '', email_change_confirm_status: 0 };
  return updateUser(tx, user.id, changes, now);
}

/** True while a letter of this kind has been sent and not been answered. */
export function isOpen(user: UserRow, type: CodeType): boolean {
  return (user[COLUMNS[type][0]] ?? '') !== '';
}

/**
 * Whose link this is. Looks only; `voidCode` uses it up.
 *
 * @throws AuthError otp_expired, also for a link that never was
 */
export async function findLink(
  tx: Tx,
  link: string,
  types: readonly CodeType[],
  context: Pick<AuthContext, 'now' | 'config'>,
): Promise<{ readonly user: UserRow; readonly type: CodeType }> {
  const token =
    (await findOneTimeToken(tx, sha224(link), types)) ??
    (isMovedForm(link) && (await findOneTimeToken(tx, link, types)));
  const user = token ? await findUser(tx, token.user_id) : undefined;
  if (!token || !user) throw expired('Email link is invalid or has expired');
  const type = token.token_type as CodeType;
  const moved = token.token_hash === link;
  // A row that holds the link itself moved here only if the user's own column holds it too.
  if (moved && !isSame(user[COLUMNS[type][0]] ?? '', link)) throw expired('Email link is invalid or has expired');
  if (!(moved && token.relates_to === '') && !provesAddress(token, user)) {
    throw expired('Email link is invalid or has expired');
  }
  if (context.now() - millis(token.created_at) > context.config.mail.linkExpiry * 1000) {
    throw expired('Email link is invalid or has expired');
  }
  return { user, type };
}

/** A letter proves the address that it went to, and no other that the account was given while it was out. */
function provesAddress({ token_type: type, relates_to: address }: OneTimeTokenRow, user: UserRow): boolean {
  const proven = type === 'email_change_token_new' ? user.email_change : user.email;
  return address.toLowerCase() === (proven ?? '').toLowerCase();
}

function isMovedForm(link: string): boolean {
  return /^(pkce_)?[0-9a-f]{56}$/.test(link);
}

const DAY = 86_400;
/** Five tries for a code; what comes back in a day is less than one more before it expires. */
const TRIES = { name: 'auth.code', capacity: 5, perSecond: 5 / DAY } as const;
/** Codes tried for one address, over all its letters: a new letter must not buy five more tries for ever. */
const TRIES_OF_ADDRESS = { name: 'auth.code.address', capacity: 30, perSecond: 30 / 3_600 } as const;

/**
 * Which letter this code is from. The first that fits counts; each try counts, also for an address that nobody has.
 *
 * @param user undefined when no account has the address
 * @throws AuthError otp_expired, whatever was wrong
 */
export async function assertCode(
  user: UserRow | undefined,
  { code, address }: { readonly code: string; readonly address: string },
  types: readonly CodeType[],
  context: Pick<AuthContext, 'now' | 'config' | 'limiter'>,
): Promise<CodeType> {
  const given = sha224(address + code);
  const patience = await context.limiter.take(TRIES_OF_ADDRESS, address);
  const found = await firstMatch(types, async (type) => {
    const kept = (user?.[COLUMNS[type][0]] ?? '').replace(PKCE, '');
    const { ok } = await context.limiter.take(TRIES, kept === '' ? `${address} ${type}` : kept);
    return isSame(given, kept) && ok && isFresh(user?.[COLUMNS[type][1]] ?? null, context);
  });
  if (!found || !patience.ok) throw expired('Token has expired or is invalid');
  return found;
}

async function firstMatch<T>(items: readonly T[], fits: (item: T) => Promise<boolean>): Promise<T | undefined> {
  let match: T | undefined;
  // All of them, so that the time does not tell which one it was.
  for (const item of items) if ((await fits(item)) && match === undefined) match = item;
  return match;
}

function isFresh(sentAt: Moment | null, { now, config }: Pick<AuthContext, 'now' | 'config'>): boolean {
  return sentAt !== null && now() - millis(sentAt) <= config.mail.codeExpiry * 1000;
}

export function expired(message: string): AuthError {
  return new AuthError('otp_expired', message);
}

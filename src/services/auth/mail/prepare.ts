import type { AuthContext } from '../context.ts';
import { sha256 } from '../digest.ts';
import { makeEmailUser } from '../email-user.ts';
import { issueCode, voidCode, type CodeType } from '../one-time-code.ts';
import { audit } from '../store/audit.ts';
import { insertFlow } from '../store/flow-state.ts';
import type { MailJob } from '../store/mail-jobs.ts';
import type { Tx } from '../store/rows.ts';
import { findUser, findUserByEmail, isBanned, lockAddress, updateUser, type UserRow } from '../store/users.ts';
import type { LetterKind, LetterVariables } from './letter.ts';
import type { Addressed } from './post-office.ts';

type Context = Pick<AuthContext, 'now' | 'config'>;

/** What the `type` of a letter's link is, and how a flow names the way in which its person signs in. */
const LINKS = {
  confirmation: { kind: 'confirmation', type: 'signup', method: 'email/signup', code: 'confirmation_token' },
  /** To an account that waits for its confirmation, for whoever asked to sign in: they need not be who registered it. */
  claim: { kind: 'confirmation', type: 'signup', method: 'email/signup', code: 'recovery_token' },
  invite: { kind: 'invite', type: 'invite', method: 'invite', code: 'confirmation_token' },
  recovery: { kind: 'recovery', type: 'recovery', method: 'recovery', code: 'recovery_token' },
  magic_link: { kind: 'magic_link', type: 'magiclink', method: 'magiclink', code: 'recovery_token' },
} as const;

/** Finds whom a job is about and makes the codes of its letters. Empty when there is nobody, or nothing left to say. */
export async function prepareLetters(tx: Tx, job: MailJob, context: Context): Promise<readonly Addressed[]> {
  if (job.kind === 'otp') await lockAddress(tx, job.email);
  const user = job.user_id === null ? await findUserByEmail(tx, job.email) : await findUser(tx, job.user_id);
  if (!user) return job.kind === 'otp' ? forNewcomer(tx, job, context) : [];
  if (user.deleted_at !== null) return [];
  switch (job.kind) {
    case 'confirmation':
      return user.email_confirmed_at === null ? [await linkLetter(tx, user, 'confirmation', job, context)] : [];
    case 'invite':
      return [await linkLetter(tx, user, 'invite', job, context)];
    case 'recovery':
      return isBanned(user, context.now()) ? [] : [await recoveryLetter(tx, user, 'recovery', job, context)];
    case 'magic_link':
    case 'otp':
      return isBanned(user, context.now()) ? [] : [await signInLetter(tx, user, job, context)];
    case 'email_change':
      return changeLetters(tx, user, job, context);
    case 'reauthentication':
      return [await codeLetter(tx, user, context)];
  }
}

/** Somebody asked for a code who has no account: it is made, and the code confirms its address. */
async function forNewcomer(tx: Tx, job: MailJob, context: Context): Promise<Addressed[]> {
  const user = await makeEmailUser(
    tx,
    { email: job.email, passwordHash: undefined, data: job.details.data ?? {} },
    context.now(),
  );
  return [await linkLetter(tx, user, 'confirmation', job, context)];
}

async function signInLetter(tx: Tx, user: UserRow, job: MailJob, context: Context): Promise<Addressed> {
  if (user.email_confirmed_at === null) {
    // The sign-up's letter lies in the same mailbox, and would let whoever signed up keep their password.
    const waiting = user.encrypted_password ? await voidCode(tx, user, 'confirmation_token', context.now()) : user;
    return linkLetter(tx, waiting, 'claim', job, context);
  }
  return recoveryLetter(tx, user, 'magic_link', job, context);
}

async function recoveryLetter(
  tx: Tx,
  user: UserRow,
  kind: 'recovery' | 'magic_link',
  job: MailJob,
  context: Context,
): Promise<Addressed> {
  await audit(tx, 'user_recovery_requested', { actor: user, ip: job.details.ip }, context.now());
  return linkLetter(tx, user, kind, job, context);
}

async function linkLetter(
  tx: Tx,
  user: UserRow,
  link: keyof typeof LINKS,
  job: MailJob,
  context: Context,
): Promise<Addressed> {
  return letter(tx, user, { ...LINKS[link], to: user.email ?? '' }, job, context);
}

/** To both addresses where changes are secure, so that whoever took over a session cannot take the account with it. */
async function changeLetters(tx: Tx, user: UserRow, job: MailJob, context: Context): Promise<Addressed[]> {
  const wanted = user.email_change ?? '';
  if (wanted === '') return [];
  // New letters, new answers: what the letters before these had proved is void with them.
  await updateUser(tx, user.id, { email_change_confirm_status: 0 }, context.now());
  const parts = { kind: 'email_change', type: 'email_change', method: 'email_change' } as const;
  const letters = [await letter(tx, user, { ...parts, to: wanted, code: 'email_change_token_new' }, job, context)];
  if (context.config.mail.secureEmailChange && (user.email ?? '') !== '') {
    const to = user.email ?? '';
    letters.push(await letter(tx, user, { ...parts, to, code: 'email_change_token_current' }, job, context));
  }
  return letters;
}

interface Parts {
  readonly kind: LetterKind;
  readonly to: string;
  readonly type: string;
  readonly method: string;
  readonly code: CodeType;
}

async function letter(
  tx: Tx,
  user: UserRow,
  { kind, to, type, method, code }: Parts,
  { details }: MailJob,
  context: Context,
): Promise<Addressed> {
  const { challenge, redirectTo } = details;
  const issued = await issueCode(tx, user, code, { address: to, pkce: challenge !== undefined }, context);
  if (challenge) {
    const flow = {
      user_id: user.id,
      auth_code: sha256(issued.link),
      code_challenge: challenge.value,
      code_challenge_method: challenge.method,
      provider_type: 'email',
      authentication_method: method,
      referrer: redirectTo,
    };
    await insertFlow(tx, flow, context.now());
  }
  const variables = variablesOf(user, { to, redirectTo, code: issued.code, link: issued.link, type }, context);
  return { kind, to, variables };
}

async function codeLetter(tx: Tx, user: UserRow, context: Context): Promise<Addressed> {
  const to = user.email ?? '';
  const { code, link } = await issueCode(tx, user, 'reauthentication_token', { address: to, pkce: false }, context);
  return {
    kind: 'reauthentication',
    to,
    variables: variablesOf(user, { to, redirectTo: '', code, link, type: '' }, context),
  };
}

function variablesOf(
  user: UserRow,
  made: { to: string; redirectTo: string; code: string; link: string; type: string },
  { config }: Context,
): LetterVariables {
  return {
    SiteURL: config.siteUrl,
    ConfirmationURL: made.type === '' ? '' : confirmationUrl(config.externalUrl, made.link, made.type, made.redirectTo),
    Token: made.code,
    TokenHash: made.type === '' ? '' : made.link,
    RedirectTo: made.redirectTo,
    Email: user.email ?? '',
    NewEmail: user.email_change ?? '',
    SendingTo: made.to,
    Data: user.raw_user_meta_data ?? {},
  };
}

/** @param base where clients reach us by configuration: what a request says about its own host could be anybody's */
export function confirmationUrl(base: string, link: string, type: string, redirectTo: string): string {
  const query = new URLSearchParams({ token: link, type, redirect_to: redirectTo });
  return `${base}/verify?${query.toString()}`;
}

import { isUuid, text } from '../body.ts';
import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Reply } from '../message.ts';
import { forUser, type Route, type UserCall } from '../router.ts';
import { assurance, raiseSession } from '../session.ts';
import { findAmr } from '../store/amr.ts';
import { audit } from '../store/audit.ts';
import { findFactors, type FactorRow } from '../store/factors.ts';
import {
  deleteFactor,
  deleteUnverifiedFactors,
  deleteWeakSessions,
  findChallenge,
  insertChallenge,
  insertFactor,
  lastStep,
  lockFactor,
  lowerSessionsOf,
  markVerified,
  meetChallenge,
} from '../store/mfa.ts';
import { millis, type Tx } from '../store/rows.ts';
import type { SessionRow } from '../store/sessions.ts';
import { lockUser } from '../store/users.ts';
import { newTotp, stepOf } from '../totp.ts';

export const factorRoutes: readonly Route[] = [
  forUser('POST', '/factors', enroll),
  forUser('POST', '/factors/:id/challenge', challenge, LIMITS.mfa),
  forUser('POST', '/factors/:id/verify', verify, LIMITS.mfa),
  forUser('DELETE', '/factors/:id', unenroll),
];

const MAX_FACTORS = 10;
/** Milliseconds in which a challenge is to be met, and after which an enrolment that was not finished is swept away. */
const CHALLENGE_LIFE = 300_000;

async function enroll(call: UserCall, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const { user } = call;
  assertTotp(text(body, 'factor_type') ?? '');
  const name = (text(body, 'friendly_name') ?? '').trim();
  const issuer = text(body, 'issuer') || new URL(context.config.siteUrl).host;
  if (name.length > 100 || issuer.length > 100) throw new AuthError('validation_failed', 'The name is too long');
  const now = context.now();
  const totp = newTotp(issuer, user.email || user.phone || user.id);
  return context.database.transaction(async (tx) => {
    await lockUser(tx, user.id); // two enrolments at once must not both be the tenth
    await deleteUnverifiedFactors(tx, user.id, now - CHALLENGE_LIFE);
    const factors = await findFactors(tx, user.id);
    if (factors.some(isVerified) && (await levelOf(tx, call)) !== 'aal2') {
      throw new AuthError('insufficient_aal', 'AAL2 required to enroll a new factor', { status: 403 });
    }
    if (factors.length >= MAX_FACTORS) {
      const message = 'Maximum number of verified factors reached, unenroll to continue';
      throw new AuthError('too_many_enrolled_mfa_factors', message);
    }
    if (name !== '' && factors.some(({ friendly_name }) => friendly_name === name)) {
      const message = `A factor with the friendly name "${name}" for this user already exists`;
      throw new AuthError('mfa_factor_name_conflict', message);
    }
    const id = await insertFactor(tx, { userId: user.id, name, secret: totp.secret }, now);
    await audit(tx, 'factor_in_progress', { actor: user, ip: call.request.ip, traits: { factor_id: id } }, now);
    const { qrCode, secret, uri } = totp;
    return { status: 200, body: { id, type: 'totp', friendly_name: name, totp: { qr_code: qrCode, secret, uri } } };
  });
}

function assertTotp(type: string): void {
  if (type === 'totp') return;
  if (type === 'phone') throw new AuthError('mfa_phone_enroll_not_enabled', 'MFA enroll is disabled for Phone');
  if (type === 'webauthn')
    throw new AuthError('mfa_webauthn_enroll_not_enabled', 'MFA enroll is disabled for WebAuthn');
  throw new AuthError('validation_failed', 'factor_type needs to be totp, phone, or webauthn');
}

async function challenge(call: UserCall, context: AuthContext): Promise<Reply> {
  const { user, request } = call;
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const factor = await ownFactor(tx, call);
    const id = await insertChallenge(tx, factor.id, request.ip, now);
    const traits = { factor_id: factor.id, factor_status: factor.status };
    await audit(tx, 'challenge_created', { actor: user, ip: request.ip, traits }, now);
    return { status: 200, body: { id, type: 'totp', expires_at: Math.floor((now + CHALLENGE_LIFE) / 1000) } };
  });
}

/** Codes tried for one factor, whatever address or challenge they come with. */
const TRIES = { name: 'auth.factor', capacity: 10, perSecond: 10 / 600 } as const;
const TRIES_OF_CHALLENGE = { name: 'auth.challenge', capacity: 5, perSecond: 5 / 86_400 } as const;

async function verify(call: UserCall, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const [code, challengeId] = [text(body, 'code') ?? '', text(body, 'challenge_id') ?? ''];
  const { session } = call;
  if (!session) throw new AuthError('session_not_found', 'This token belongs to no session');
  if (!isUuid(challengeId)) throw notFound('MFA factor with the provided challenge ID not found');
  const patience = [
    await context.limiter.take(TRIES_OF_CHALLENGE, challengeId),
    await context.limiter.take(TRIES, call.params['id'] ?? ''),
  ];
  if (patience.some(({ ok }) => !ok)) throw failed();
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const factor = await ownFactor(tx, call);
    const met = await findChallenge(tx, factor.id, challengeId);
    if (!met) throw notFound('MFA factor with the provided challenge ID not found');
    if (met.verified_at !== null || now - millis(met.created_at) > CHALLENGE_LIFE) {
      const message = `MFA challenge ${met.id} has expired, verify against another challenge or create a new challenge.`;
      throw new AuthError('mfa_challenge_expired', message);
    }
    const step = stepOf(code, factor.secret ?? '', { now, after: await lastStep(tx, factor.id) });
    if (step === undefined) throw failed();
    await meetChallenge(tx, met, step, now);
    return raise(tx, { call, factor, session }, context);
  });
}

/** The session is as good as its second factor from now on; those without one end. */
async function raise(
  tx: Tx,
  { call, factor, session }: { call: UserCall; factor: FactorRow; session: SessionRow },
  context: AuthContext,
): Promise<Reply> {
  const { user, request } = call;
  const now = context.now();
  if (!isVerified(factor)) {
    await markVerified(tx, factor.id, now);
    await deleteUnverifiedFactors(tx, user.id, now + 1);
  }
  await deleteWeakSessions(tx, user.id, session.id);
  const traits = { factor_id: factor.id, factor_type: 'totp' };
  await audit(tx, 'mfa_code_login', { actor: user, ip: request.ip, traits }, now);
  return raiseSession(tx, { user, session, factorId: factor.id }, context);
}

async function unenroll(call: UserCall, context: AuthContext): Promise<Reply> {
  return context.database.transaction(async (tx) => {
    const now = context.now();
    const factor = await ownFactor(tx, call);
    if (isVerified(factor) && (await levelOf(tx, call)) !== 'aal2') {
      throw new AuthError('insufficient_aal', 'AAL2 required to unenroll verified factor', { status: 403 });
    }
    await lowerSessionsOf(tx, factor.id, now);
    await deleteFactor(tx, factor.id);
    const traits = { factor_id: factor.id, factor_status: factor.status };
    await audit(tx, 'factor_unenrolled', { actor: call.user, ip: call.request.ip, traits }, now);
    return { status: 200, body: { id: factor.id } };
  });
}

async function ownFactor(tx: Tx, { params, user }: UserCall): Promise<FactorRow> {
  const { id = '' } = params;
  if (!isUuid(id)) throw new AuthError('validation_failed', 'factor_id must be an UUID', { status: 404 });
  const factor = await lockFactor(tx, user.id, id);
  if (!factor) throw notFound('Factor not found');
  if (factor.factor_type === 'totp') return factor;
  throw new AuthError('mfa_webauthn_verify_not_enabled', `Factors of type ${factor.factor_type} cannot be used here`);
}

async function levelOf(tx: Tx, { session }: UserCall): Promise<string> {
  return session ? assurance(session, await findAmr(tx, session.id)) : 'aal1';
}

function isVerified({ status }: FactorRow): boolean {
  return status === 'verified';
}

function notFound(message: string): AuthError {
  return new AuthError('mfa_factor_not_found', message);
}

function failed(): AuthError {
  return new AuthError('mfa_verification_failed', 'Invalid TOTP code entered');
}

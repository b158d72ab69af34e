import { randomUUID } from 'node:crypto';
import type { FactorRow } from './factors.ts';
import { iso, jsonRows, type Moment, type Tx } from './rows.ts';

/** `auth.mfa_challenges`. */
export interface ChallengeRow {
  readonly id: string;
  readonly factor_id: string;
  readonly created_at: Moment;
  readonly verified_at: Moment | null;
}

export async function insertFactor(
  tx: Tx,
  factor: { readonly userId: string; readonly name: string; readonly secret: string },
  now: number,
): Promise<string> {
  const id = randomUUID();
  await tx.rows(
    `insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at)
     values ($1, $2, $3, 'totp', 'unverified', $4, $5, $5)`,
    [id, factor.userId, factor.name, factor.secret, iso(now)],
  );
  return id;
}

/** Holds the row, so that of two codes at once the second knows what the first one used. */
export async function lockFactor(tx: Tx, userId: string, id: string): Promise<FactorRow | undefined> {
  const text = 'select to_json(f) as row from auth.mfa_factors f where user_id = $1 and id = $2 for update';
  return (await jsonRows<FactorRow>(tx, text, [userId, id]))[0];
}

export async function markVerified(tx: Tx, id: string, now: number): Promise<void> {
  await tx.rows(`update auth.mfa_factors set status = 'verified', updated_at = $2 where id = $1`, [id, iso(now)]);
}

export async function deleteFactor(tx: Tx, id: string): Promise<void> {
  await tx.rows('delete from auth.mfa_factors where id = $1', [id]);
}

export async function deleteFactorsOf(tx: Tx, userId: string): Promise<void> {
  await tx.rows('delete from auth.mfa_factors where user_id = $1', [userId]);
}

/** Enrolments that were never finished. */
export async function deleteUnverifiedFactors(tx: Tx, userId: string, olderThan: number): Promise<void> {
  await tx.rows(`delete from auth.mfa_factors where user_id = $1 and status = 'unverified' and created_at < $2`, [
    userId,
    iso(olderThan),
  ]);
}

export async function insertChallenge(tx: Tx, factorId: string, ip: string, now: number): Promise<string> {
  const id = randomUUID();
  await tx.rows('insert into auth.mfa_challenges (id, factor_id, ip_address, created_at) values ($1, $2, $3, $4)', [
    id,
    factorId,
    ip,
    iso(now),
  ]);
  return id;
}

export async function findChallenge(tx: Tx, factorId: string, id: string): Promise<ChallengeRow | undefined> {
  const text = 'select to_json(c) as row from auth.mfa_challenges c where factor_id = $1 and id = $2';
  return (await jsonRows<ChallengeRow>(tx, text, [factorId, id]))[0];
}

/** The newest step of time whose code was accepted. It stands in `otp_code`, which TOTP has no other use for. */
export async function lastStep(tx: Tx, factorId: string): Promise<number> {
  const [row] = await tx.rows<{ step: string | null }>(
    `select max(otp_code::bigint)::text as step from auth.mfa_challenges
      where factor_id = $1 and verified_at is not null and otp_code ~ '^[0-9]{1,12}$'`,
    [factorId],
  );
  return Number(row?.step ?? -1);
}

/** The challenge is met with the code of this step; all others of the factor are void. */
export async function meetChallenge(
  tx: Tx,
  challenge: Pick<ChallengeRow, 'id' | 'factor_id'>,
  step: number,
  now: number,
): Promise<void> {
  await tx.rows('delete from auth.mfa_challenges where factor_id = $1 and id <> $2', [
    challenge.factor_id,
    challenge.id,
  ]);
  await tx.rows('update auth.mfa_challenges set verified_at = $2, otp_code = $3 where id = $1', [
    challenge.id,
    iso(now),
    String(step),
  ]);
}

/** Sessions that were raised by this factor fall back. */
export async function lowerSessionsOf(tx: Tx, factorId: string, now: number): Promise<void> {
  await tx.rows(
    `with lowered as (
       update auth.sessions set aal = 'aal1', factor_id = null, updated_at = $2 where factor_id = $1 returning id
     )
     delete from auth.mfa_amr_claims where authentication_method = 'totp' and session_id in (select id from lowered)`,
    [factorId, iso(now)],
  );
}

/** Ends the sessions of a user that no second factor was shown to. */
export async function deleteWeakSessions(tx: Tx, userId: string, except: string): Promise<void> {
  await tx.rows(`delete from auth.sessions where user_id = $1 and id <> $2 and coalesce(aal, 'aal1') = 'aal1'`, [
    userId,
    except,
  ]);
}

import { jsonRows, type Moment, type Tx } from './rows.ts';

/** `auth.mfa_factors`. */
export interface FactorRow {
  readonly id: string;
  readonly user_id: string;
  readonly friendly_name: string | null;
  readonly factor_type: 'totp' | 'webauthn' | 'phone';
  readonly status: 'unverified' | 'verified';
  readonly created_at: Moment;
  readonly updated_at: Moment;
  readonly secret: string | null;
  readonly phone: string | null;
  readonly last_challenged_at: Moment | null;
}

export async function findFactors(tx: Tx, userId: string): Promise<FactorRow[]> {
  const text = 'select to_json(f) as row from auth.mfa_factors f where user_id = $1 order by created_at';
  return jsonRows(tx, text, [userId]);
}

export async function findFactorsOfAll(tx: Tx, userIds: readonly string[]): Promise<FactorRow[]> {
  const text = 'select to_json(f) as row from auth.mfa_factors f where user_id = any ($1) order by created_at';
  return jsonRows(tx, text, [userIds]);
}

export async function deleteFactorsOf(tx: Tx, userId: string): Promise<void> {
  await tx.rows('delete from auth.mfa_factors where user_id = $1', [userId]);
}

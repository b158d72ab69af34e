import { iso, jsonRows, type Tx } from './rows.ts';

/** What a letter is to be about. `otp`: a code for whoever has the address, with an account made if there is none. */
export type MailJobKind =
  | 'confirmation'
  | 'invite'
  | 'recovery'
  | 'magic_link'
  | 'otp'
  | 'email_change'
  | 'reauthentication';

export interface MailJobDetails {
  /** Checked against the list of redirects. */
  readonly redirectTo: string;
  /** Set where a page waits for a code to redeem. */
  readonly challenge?: { readonly value: string; readonly method: 's256' | 'plain' } | undefined;
  /** Metadata of an account that `otp` makes. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  /** Who asked, for the audit log. */
  readonly ip: string;
}

/** `vectabase.mail_jobs`: a letter that is to be written. */
export interface MailJob {
  readonly id: number;
  readonly kind: MailJobKind;
  readonly email: string;
  readonly user_id: string | null;
  readonly details: MailJobDetails;
  readonly attempts: number;
}

export type NewMailJob = Pick<MailJob, 'kind' | 'email' | 'details'> & { readonly userId?: string };

export async function insertMailJob(tx: Tx, { kind, email, userId, details }: NewMailJob, now: number): Promise<void> {
  await tx.rows(
    `insert into vectabase.mail_jobs (kind, email, user_id, details, run_at, created_at) values ($1, $2, $3, $4, $5, $5)`,
    [kind, email, userId ?? null, JSON.stringify(details), iso(now)],
  );
}

/** Milliseconds after each attempt, longer than a relay may take: whoever dies over a letter leaves it to another. */
const PAUSES = [60_000, 120_000, 300_000, 600_000, 1_800_000];
export const MAX_ATTEMPTS = PAUSES.length;

/** The next job that is due, which nobody else is given before its pause is over. */
export async function claimMailJob(tx: Tx, now: number): Promise<MailJob | undefined> {
  const [job] = await jsonRows<MailJob>(
    tx,
    `update vectabase.mail_jobs set attempts = attempts + 1,
       run_at = $1::timestamptz + ($2::bigint[])[least(attempts + 1, $3)] * interval '1 millisecond'
     where id = (select id from vectabase.mail_jobs where run_at <= $1 order by run_at, id limit 1 for update skip locked)
     returning to_json(mail_jobs) as row`,
    [iso(now), PAUSES, MAX_ATTEMPTS],
  );
  return job;
}

export async function deleteMailJob(tx: Tx, id: number): Promise<void> {
  await tx.rows('delete from vectabase.mail_jobs where id = $1', [id]);
}

import { randomUUID } from 'node:crypto';
import { iso, jsonRows, type Moment, type Tx } from './rows.ts';

/** `auth.flow_state`: a sign-in that leaves the page and comes back. */
export interface FlowRow {
  readonly id: string;
  readonly user_id: string | null;
  /**
   * A digest: of the code to redeem once it was issued, before that of the link in a letter. Codes themselves are
   * written nowhere.
   */
  readonly auth_code: string | null;
  readonly code_challenge_method: 's256' | 'plain' | null;
  readonly code_challenge: string | null;
  readonly provider_type: string;
  readonly provider_access_token: string | null;
  readonly provider_refresh_token: string | null;
  readonly created_at: Moment | null;
  readonly authentication_method: string;
  readonly auth_code_issued_at: Moment | null;
  readonly invite_token: string | null;
  readonly referrer: string | null;
  readonly oauth_client_state_id: string | null;
  readonly linking_target_id: string | null;
}

export type NewFlow = Partial<Omit<FlowRow, 'id' | 'created_at'>> &
  Pick<FlowRow, 'provider_type' | 'authentication_method' | 'referrer'>;

export async function insertFlow(tx: Tx, flow: NewFlow, now: number): Promise<string> {
  const id = randomUUID();
  // Nobody comes back from a provider after an hour; a link may be good for a week.
  await tx.rows(
    `delete from auth.flow_state where created_at < $1::timestamptz - interval '1 hour'
       and (provider_type <> 'email' or created_at < $1::timestamptz - interval '8 days')`,
    [iso(now)],
  );
  await tx.rows(
    `insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
       authentication_method, invite_token, referrer, oauth_client_state_id, linking_target_id, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`,
    [
      id,
      flow.user_id ?? null,
      flow.auth_code ?? null,
      flow.code_challenge_method ?? null,
      flow.code_challenge ?? null,
      flow.provider_type,
      flow.authentication_method,
      flow.invite_token ?? null,
      flow.referrer,
      flow.oauth_client_state_id ?? null,
      flow.linking_target_id ?? null,
      iso(now),
    ],
  );
  return id;
}

export async function findFlow(tx: Tx, id: string): Promise<FlowRow | undefined> {
  const [flow] = await jsonRows<FlowRow>(tx, 'select to_json(f) as row from auth.flow_state f where id = $1', [id]);
  return flow;
}

export async function deleteFlow(tx: Tx, id: string): Promise<void> {
  await tx.rows('delete from auth.flow_state where id = $1', [id]);
}

/** The flow whose letter holds this link. */
export async function findFlowOfLink(tx: Tx, digest: string): Promise<FlowRow | undefined> {
  const text = `select to_json(f) as row from auth.flow_state f where auth_code = $1 and auth_code_issued_at is null`;
  return (await jsonRows<FlowRow>(tx, text, [digest]))[0];
}

/** The person is back and known: from now on the code whose digest this is can be redeemed. */
export async function issueCode(
  tx: Tx,
  id: string,
  issued: {
    readonly digest: string;
    readonly userId: string;
    readonly accessToken?: string | undefined;
    readonly refreshToken?: string | undefined;
  },
  now: number,
): Promise<void> {
  await tx.rows(
    `update auth.flow_state set auth_code = $2, user_id = $3, provider_access_token = $4, provider_refresh_token = $5,
       auth_code_issued_at = $6, updated_at = $6 where id = $1`,
    [id, issued.digest, issued.userId, issued.accessToken ?? null, issued.refreshToken ?? null, iso(now)],
  );
}

/** Takes the flow away with its code: of any number at once, one gets it. */
export async function takeFlowByCode(tx: Tx, digest: string): Promise<FlowRow | undefined> {
  const text = `delete from auth.flow_state where auth_code = $1 and auth_code_issued_at is not null
    returning to_json(flow_state) as row`;
  return (await jsonRows<FlowRow>(tx, text, [digest]))[0];
}

/** Our own secret towards a provider. Returns its id. */
export async function insertClientState(
  tx: Tx,
  state: { readonly provider: string; readonly codeVerifier: string },
  now: number,
): Promise<string> {
  const id = randomUUID();
  await tx.rows(`delete from auth.oauth_client_states where created_at < $1::timestamptz - interval '1 hour'`, [
    iso(now),
  ]);
  await tx.rows(
    'insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at) values ($1, $2, $3, $4)',
    [id, state.provider, state.codeVerifier, iso(now)],
  );
  return id;
}

/** Takes it away, so that a state comes back once: of any number at once, one gets it. */
export async function takeClientState(tx: Tx, id: string): Promise<{ readonly codeVerifier: string } | undefined> {
  const [row] = await tx.rows<{ code_verifier: string | null }>(
    'delete from auth.oauth_client_states where id = $1 returning code_verifier',
    [id],
  );
  return row && { codeVerifier: row.code_verifier ?? '' };
}

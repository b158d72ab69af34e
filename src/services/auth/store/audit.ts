import { randomUUID } from 'node:crypto';
import type { UserRow } from './users.ts';
import { iso, NO_INSTANCE, type Tx } from './rows.ts';

/** What is kept of each event, by the family that GoTrue files it under. */
const LOG_TYPES = {
  login: 'account',
  login_failed: 'account',
  logout: 'account',
  invite_accepted: 'account',
  user_signedup: 'team',
  user_invited: 'team',
  user_deleted: 'team',
  token_revoked: 'token',
  token_refreshed: 'token',
  user_modified: 'user',
  user_recovery_requested: 'user',
  user_reauthenticate_requested: 'user',
  user_confirmation_requested: 'user',
  user_repeated_signup: 'user',
  user_updated_password: 'user',
  identity_linked: 'user',
  identity_unlinked: 'user',
  factor_in_progress: 'factor',
  factor_unenrolled: 'factor',
  challenge_created: 'factor',
  verification_attempted: 'factor',
  factor_deleted: 'factor',
  factor_updated: 'factor',
  mfa_code_login: 'factor',
} as const;

export type AuditAction = keyof typeof LOG_TYPES;

/** Who did it: a user, or a role such as `service_role`. */
export type Actor = UserRow | { readonly role: string };

/** Written in the transaction of what it tells of: one is never there without the other. */
export async function audit(
  tx: Tx,
  action: AuditAction,
  by: { readonly actor: Actor; readonly ip: string; readonly traits?: Readonly<Record<string, unknown>> },
  now: number,
): Promise<void> {
  const payload = {
    action,
    log_type: LOG_TYPES[action],
    ...describe(by.actor),
    ...(by.traits && { traits: by.traits }),
  };
  await tx.rows(
    `insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address) values ($1, $2, $3, $4, $5)`,
    [NO_INSTANCE, randomUUID(), JSON.stringify(payload), iso(now), by.ip.slice(0, 64)],
  );
}

function describe(actor: Actor): Record<string, unknown> {
  if (!('id' in actor)) {
    return { actor_id: NO_INSTANCE, actor_username: actor.role, actor_via_sso: false };
  }
  const name = actor.raw_user_meta_data?.['full_name'];
  return {
    actor_id: actor.id,
    actor_username: actor.phone || (actor.email ?? ''),
    actor_via_sso: actor.is_sso_user,
    ...(typeof name === 'string' && { actor_name: name }),
  };
}

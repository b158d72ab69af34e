import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { findAccount, withUsers } from './accounts.ts';
import { FIELDS, type ListedUser } from './list.ts';

export interface ShownUser extends ListedUser {
  /** The kind of hash, never the hash: `bcrypt`, `argon2id`; null without a password. */
  readonly password: string | null;
  readonly bannedUntil: string | null;
  readonly role: string | null;
  readonly userMetadata: unknown;
  readonly appMetadata: unknown;
  readonly factors: ReadonlyArray<{ readonly type: string; readonly name: string | null; readonly status: string }>;
  readonly events: ReadonlyArray<{ readonly at: string; readonly action: string; readonly ip: string }>;
}

/** @throws VectabaseError USER_NOT_FOUND */
export async function showUser(target: DatabaseAddress, who: string): Promise<ShownUser> {
  return withUsers(target, async (session) => {
    const { id } = await findAccount(session, who);
    const [found] = await session.rows<{ row: ShownUser }>(
      `select json_build_object(${FIELDS}, ${DETAILS}) as row from auth.users u where id = $1`,
      [id],
    );
    if (!found) throw new Error('the account is gone');
    return found.row;
  });
}

const DETAILS = `
  'password', case
    when coalesce(u.encrypted_password, '') = '' then null
    when u.encrypted_password ~ '^\\$2[aby]\\$' then 'bcrypt'
    else coalesce(substring(u.encrypted_password from '^\\$([a-z0-9]+)\\$'), 'unknown') end,
  'bannedUntil', u.banned_until at time zone 'UTC' || 'Z', 'role', u.role,
  'userMetadata', coalesce(u.raw_user_meta_data, '{}'), 'appMetadata', coalesce(u.raw_app_meta_data, '{}'),
  'factors', coalesce((select json_agg(json_build_object('type', f.factor_type, 'name', f.friendly_name, 'status', f.status)
    order by f.created_at) from auth.mfa_factors f where f.user_id = u.id), '[]'),
  'events', coalesce((select json_agg(e) from (
    select created_at at time zone 'UTC' || 'Z' as at, payload ->> 'action' as action, ip_address as ip
      from auth.audit_log_entries
      where payload ->> 'actor_id' = u.id::text or payload -> 'traits' ->> 'user_id' = u.id::text
      order by created_at desc limit 10) e), '[]')`;

export interface ShownSession {
  readonly id: string;
  readonly createdAt: string | null;
  readonly lastUsedAt: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly aal: string | null;
}

/** Newest first. @throws VectabaseError USER_NOT_FOUND */
export async function showSessions(target: DatabaseAddress, who: string): Promise<readonly ShownSession[]> {
  return withUsers(target, async (session) => sessionsOf(session, (await findAccount(session, who)).id));
}

async function sessionsOf(session: Session, id: string): Promise<readonly ShownSession[]> {
  const rows = await session.rows<{ row: ShownSession }>(
    `select json_build_object('id', id, 'createdAt', created_at at time zone 'UTC' || 'Z',
       'lastUsedAt', coalesce(refreshed_at, created_at at time zone 'UTC') || 'Z', 'ip', host(ip),
       'userAgent', user_agent, 'aal', aal) as row
       from auth.sessions where user_id = $1 order by created_at desc`,
    [id],
  );
  return rows.map(({ row }) => row);
}

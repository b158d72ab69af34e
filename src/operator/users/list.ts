import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { withUsers } from './accounts.ts';

export interface ListedUser {
  readonly id: string;
  readonly email: string | null;
  readonly phone: string | null;
  /** How it signs in: email, google, … */
  readonly providers: readonly string[];
  readonly status: 'active' | 'unconfirmed' | 'anonymous' | 'banned' | 'deleted';
  /** Times are ISO 8601 in UTC. */
  readonly createdAt: string | null;
  readonly lastSignInAt: string | null;
  readonly sessions: number;
}

export interface UserList {
  /** Of all pages. */
  readonly total: number;
  readonly users: readonly ListedUser[];
}

export interface ListOptions {
  /** Part of an address, a phone number or a name. */
  readonly filter: string;
  readonly limit: number;
  readonly page: number;
}

/** Newest first. */
export async function listUsers(target: DatabaseAddress, { filter, limit, page }: ListOptions): Promise<UserList> {
  return withUsers(target, async (session) => {
    const pattern = `%${filter.replaceAll(/[\\%_]/g, '\\$&')}%`;
    const [counted] = await session.rows<{ total: number }>(
      `select count(*)::integer as total from auth.users where ${MATCHES}`,
      [pattern],
    );
    const rows = await session.rows<{ row: ListedUser }>(
      `select json_build_object(${FIELDS}) as row from auth.users u where ${MATCHES}
        order by created_at desc nulls last, id limit $2 offset $3`,
      [pattern, limit, (page - 1) * limit],
    );
    return { total: counted?.total ?? 0, users: rows.map(({ row }) => row) };
  });
}

const MATCHES = `(email ilike $1 or phone like $1 or raw_user_meta_data ->> 'full_name' ilike $1
  or raw_user_meta_data ->> 'name' ilike $1 or ($1 = '%%'))`;

/** Of `auth.users u`, as a list and a page about one user both show them. */
export const FIELDS = `
  'id', u.id, 'email', u.email, 'phone', u.phone,
  'providers', coalesce((select json_agg(i.provider order by i.created_at) from auth.identities i where i.user_id = u.id), '[]'),
  'status', case
    when u.deleted_at is not null then 'deleted'
    when u.banned_until > now() then 'banned'
    when u.is_anonymous then 'anonymous'
    when u.email_confirmed_at is null and u.phone_confirmed_at is null then 'unconfirmed'
    else 'active' end,
  'createdAt', u.created_at at time zone 'UTC' || 'Z',
  'lastSignInAt', u.last_sign_in_at at time zone 'UTC' || 'Z',
  'sessions', (select count(*) from auth.sessions s where s.user_id = u.id)`;

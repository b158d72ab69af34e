import type { Counts } from './counts.ts';
import { DEMO_USER } from './facts.ts';
import { PASSWORD_HASHES } from './secrets.ts';
import { at, chance, hash, id, oneOf, sometimes, type TableRows } from './sql.ts';

/**
 * Users and how they sign in. Special ones, by number: 1 the demo user (bcrypt cost 10), 15 argon2, 16 a hash that
 * the hosted service encrypted (`{`: cannot move), 17 imported by SQL with null tokens, 18 anonymous, 19 phone only,
 * 20 metadata null, 21 metadata json null; every 20th (7, 27 …) Google only, so no password at all: null or ''.
 */
export function authRows(c: Counts): TableRows[] {
  const users = c['auth.users'];
  const sessions = c['auth.sessions'];
  const google = 'n % 20 = 7';
  const withSecondIdentity = Math.floor((users + 6) / 10); // users 4, 14, 24 …: password and Google
  const identityUser = `case when n <= ${users} then n else (n - ${users}) * 10 - 6 end`;
  const isGoogle = `(n > ${users} or ${google})`;
  return [
    {
      table: 'auth.users',
      rows: users,
      columns: {
        instance_id: `'00000000-0000-0000-0000-000000000000'`,
        id: id('user'),
        aud: `'authenticated'`,
        role: `'authenticated'`,
        email: EMAIL,
        encrypted_password: `case
          when n = 15 then '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b27tqqwbBsqDsUgAyVHXvZbFAE'
          when n = 16 then '{"key_id":"8f1c","alg":"aes-gcm","nonce":"AAAAAAAAAAAAAAAA","data":"bm90LW1vdmFibGU="}'
          when n = 18 then null
          when ${google} and n % 40 = 7 then null
          when ${google} then ''
          else (array[${PASSWORD_HASHES.map((hashed) => `'${hashed}'`).join(', ')}])[1 + (n - 1) % ${PASSWORD_HASHES.length}]
        end`,
        email_confirmed_at: `case when n in (18, 19) or n % 25 = 24 then null else ${at('users.confirmed')} end`,
        confirmation_token: `case when n = 17 then null when n % 25 = 24 then md5('confirm' || n) else '' end`,
        recovery_token: `case when n = 17 then null else '' end`,
        email_change_token_new: `case when n = 17 then null else '' end`,
        email_change: `case when n = 17 then null else '' end`,
        last_sign_in_at: sometimes('users.signed', 80, at('users.signed_at')),
        raw_app_meta_data: `case when n = 20 then null when ${google}
          then '{"provider": "google", "providers": ["google"]}'::jsonb
          else '{"provider": "email", "providers": ["email"]}'::jsonb end`,
        raw_user_meta_data: `case when n = 20 then null when n = 21 then 'null'::jsonb
          else jsonb_build_object('display_name', 'User ' || n, 'is_creator', n <= ${c.stores}, 'note', standin.nasty(n)) end`,
        created_at: at('users.created'),
        updated_at: at('users.updated'),
        phone: `case when n = 19 then '441632960019' end`,
        phone_confirmed_at: `case when n = 19 then ${at('users.phone')} end`,
        banned_until: `case when n % 50 = 11 then timestamptz '2099-12-31 23:59:59.999999+00' end`,
        deleted_at: `case when n % 60 = 13 then ${at('users.deleted')} end`, // soft-deleted: the row stays
        is_anonymous: 'n = 18',
        // a column that the target does not have, with values
        signup_context: `case when n % 10 = 0 then jsonb_build_object('campaign', n) end`,
      },
    },
    {
      table: 'auth.identities',
      rows: users + withSecondIdentity,
      where: `n not in (18, 19)`,
      columns: {
        id: id('identity'),
        user_id: id('user', identityUser),
        provider: `case when ${isGoogle} then 'google' else 'email' end`,
        provider_id: `case when ${isGoogle} then (100000000000000000000 + n::numeric * 7919)::text else ${id('user')}::text end`,
        identity_data: `jsonb_build_object('sub', ${id('user', identityUser)}, 'email', 'User' || (${identityUser}) || '@Example.com',
          'email_verified', true, 'full_name', case when ${isGoogle} then 'Zoë ' || n end)`,
        last_sign_in_at: at('identities.signed'),
        created_at: at('identities.created'),
        updated_at: at('identities.updated'),
      },
    },
    {
      table: 'auth.sessions',
      rows: sessions,
      columns: {
        id: id('session'),
        user_id: id('user', `1 + (n - 1) % ${users}`),
        created_at: at('sessions.created'),
        updated_at: at('sessions.updated'),
        aal: `(case when n % 30 = 1 then 'aal2' else 'aal1' end)::auth.aal_level`,
        not_after: `case when n % 40 = 5 then timestamptz 'infinity' end`,
        refreshed_at: `(${at('sessions.refreshed')} at time zone 'UTC')`,
        user_agent: oneOf('sessions.agent', ...AGENTS),
        ip: `('2001:db8::' || to_hex(n % 65536))::inet`,
      },
    },
    {
      table: 'auth.mfa_amr_claims',
      rows: sessions,
      columns: {
        id: id('amr'),
        session_id: id('session'),
        created_at: at('amr.created'),
        updated_at: at('amr.created'),
        authentication_method: oneOf('amr.method', 'password', 'oauth', 'otp'),
      },
    },
    {
      // Two a session: the second is the first one's child, and the first is revoked.
      table: 'auth.refresh_tokens',
      rows: c['auth.refresh_tokens'],
      columns: {
        instance_id: `'00000000-0000-0000-0000-000000000000'`,
        id: 'n',
        token: `substr(md5('refresh/' || n), 1, 12)`,
        user_id: `${id('user', `1 + (${SESSION(sessions)} - 1) % ${users}`)}::text`,
        revoked: `n <= ${sessions} and n + ${sessions} <= ${c['auth.refresh_tokens']}`,
        parent: `case when n > ${sessions} then substr(md5('refresh/' || (n - ${sessions})), 1, 12) end`,
        session_id: id('session', SESSION(sessions)),
        created_at: at('refresh.created'),
        updated_at: at('refresh.updated'),
      },
    },
    {
      table: 'auth.mfa_factors',
      rows: c['auth.mfa_factors'],
      columns: {
        id: id('factor'),
        user_id: id('user', `1 + (n * 3) % ${users}`),
        friendly_name: `'phone ' || n`,
        factor_type: `(case when n % 6 = 5 then 'phone' else 'totp' end)::auth.factor_type`,
        status: `(case when n % 4 = 3 then 'unverified' else 'verified' end)::auth.factor_status`,
        secret: `case when n % 6 <> 5 then translate(upper(md5('totp' || n)), '0189', 'WXYZ') end`,
        phone: `case when n % 6 = 5 then '4416329601' || lpad((n % 100)::text, 2, '0') end`,
        created_at: at('factors.created'),
        updated_at: at('factors.updated'),
      },
    },
    {
      table: 'auth.one_time_tokens',
      rows: c['auth.one_time_tokens'],
      columns: {
        id: id('one-time'),
        user_id: id('user', `1 + (n - 1) % ${users}`),
        token_type: `(case when n % 2 = 0 then 'recovery_token' else 'confirmation_token' end)::auth.one_time_token_type`,
        token_hash: `encode(sha224(('otp/' || n)::bytea), 'hex')`,
        relates_to: `'user' || n || '@example.com'`,
        created_at: `(${at('one_time.created')} at time zone 'UTC')`,
        updated_at: `(${at('one_time.created')} at time zone 'UTC')`,
      },
    },
    {
      table: 'auth.audit_log_entries',
      rows: c['auth.audit_log_entries'],
      columns: {
        instance_id: `'00000000-0000-0000-0000-000000000000'`,
        id: id('auth-log'),
        // json, not jsonb: spaces, key order and doubled keys must arrive as they are
        payload: `('{"action":"login",  "actor_id" : "' || ${id('user', `1 + ${hash('auth_log.user', users)}`)} || '", "action":"' ||
          ${oneOf('auth_log.action', 'login', 'logout', 'token_refreshed', 'user_signedup')} || '", "n": 1.0}')::json`,
        created_at: at('auth_log.created'),
        ip_address: `case when ${chance('auth_log.ip', 70)} then '203.0.113.' || ${hash('auth_log.octet', 254)} else '' end`,
      },
    },
  ];
}

const EMAIL = `case
  when n = 1 then '${DEMO_USER.email}'
  when n in (18, 19) then null
  when n % 60 = 13 then encode(sha256(('user' || n)::bytea), 'hex')
  else 'user' || n || '@example.com'
end`;

const SESSION = (sessions: number): string => `(1 + (n - 1) % ${sessions})`;

const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)',
  'node',
];

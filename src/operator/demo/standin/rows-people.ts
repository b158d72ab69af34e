import type { Counts } from './counts.ts';
import { ROBLOX_KEYS_FALLBACK, ROBLOX_KEYS_SETTING } from './secrets.ts';
import { at, chance, hash, id, nastyOr, oneOf, pair, sometimes, words, type TableRows } from './sql.ts';

/** Profiles, roles, follows, notices, the audit log. */
export function peopleRows(c: Counts): TableRows[] {
  const users = c['auth.users'];
  const follows = pair(users, c.stores);
  return [
    {
      // Ids of their own, and none for every 33rd user: rows that a trigger made at load time would collide or stand out.
      table: 'profiles',
      rows: users,
      where: 'n % 33 <> 32',
      columns: {
        id: id('profile'),
        user_id: id('user'),
        display_name: nastyOr(12, `'User ' || n`),
        avatar_url: sometimes('profiles.avatar', 60, `'https://cdn.example.com/a/' || n`),
        bio: sometimes('profiles.bio', 40, nastyOr(5, words('profiles.bio'))),
        is_creator: `n <= ${c.stores}`,
        total_earnings: `${hash('profiles.earned', 10_000_000)}::numeric / 100`,
        created_at: at('profiles.created'),
        updated_at: at('profiles.updated'),
        website_settings: `case n % 6 when 0 then null when 1 then 'null'::jsonb when 2 then '"text"'::jsonb when 3 then '1.00'::jsonb
          else jsonb_build_object('theme', ${oneOf('profiles.theme', 'dark', 'light')}, 'links', '[]'::jsonb) end`,
        paypal_email: sometimes('profiles.paypal', 15, `'paypal' || n || '@example.com'`),
        stripe_connect_account_id: `case when n <= ${c.stores} then 'acct_' || substr(md5('stripe' || n), 1, 16) end`,
        stripe_connect_status: `case when n <= ${c.stores} then 'connected' else 'not_connected' end`,
        discord_id: sometimes('profiles.discord', 40, `(100000000000000000 + n * 4194304)::text`),
        discord_username: sometimes('profiles.discord', 40, `'player#' || lpad((n % 10000)::text, 4, '0')`),
        // in clear, in a table that anybody may read
        discord_access_token: sometimes('profiles.discord', 40, `md5('access' || n)`),
        discord_refresh_token: sometimes('profiles.discord', 40, `md5('refresh' || n)`),
        discord_token_expires_at: sometimes('profiles.discord', 40, at('profiles.token')),
        tos_agreed_at: sometimes('profiles.tos', 80, at('profiles.tos_at')),
        tos_version: sometimes('profiles.tos', 80, `'1.0'`),
        business_description: sometimes('profiles.business', 5, `repeat('é', 500)`),
        contact_email: sometimes('profiles.contact', 20, `'contact' || n || '@example.com'`),
        default_roblox_api_key_encrypted: `case when n % 10 = 1 then ${robloxKey()} end`,
      },
    },
    {
      table: 'user_roles',
      rows: Math.min(c.user_roles, users),
      columns: {
        id: id('role'),
        user_id: id('user'),
        role: `(case when n = 2 then 'admin' when n <= ${c.stores} then 'creator' else 'user' end)::public.user_role`,
        created_at: at('roles.created'),
      },
    },
    {
      table: 'follows',
      rows: c.follows,
      columns: {
        id: id('follow'),
        follower_id: id('user', follows.first),
        following_id: id('user', follows.second),
        created_at: at('follows.created'),
      },
    },
    {
      table: 'announcements',
      rows: c.announcements,
      columns: {
        id: id('announcement'),
        admin_id: id('user', '2'),
        title: words('announcements.title'),
        message: nastyOr(4, words('announcements.message')),
        is_active: chance('announcements.active', 30),
        created_at: at('announcements.created'),
        updated_at: at('announcements.updated'),
        border_color: oneOf('announcements.border', 'red', 'orange', 'green'),
      },
    },
    {
      table: 'security_audit_log',
      rows: c.security_audit_log,
      columns: {
        id: id('audit'),
        event_type: oneOf('audit.type', 'login', 'key_read', 'role_changed', 'export'),
        // no foreign key: null, real, and long gone
        user_id: `case n % 4 when 0 then null when 1 then ${id('gone')} else ${id('user', `1 + n % ${users}`)} end`,
        ip_address: `'192.0.2.' || n % 256`,
        user_agent: nastyOr(7, `'agent/' || n % 9`),
        details: `case n % 3 when 0 then null when 1 then 'null'::jsonb else jsonb_build_object('n', n, 'f', 1.0, 'g', 1.00) end`,
        created_at: at('audit.created'),
      },
    },
  ];
}

/** Keys under either passphrase in turn, and one value that is neither: decrypting must fail softly. */
export function robloxKey(): string {
  const keys = [...ROBLOX_KEYS_FALLBACK, ...ROBLOX_KEYS_SETTING, '00ff5c78deadbeef'];
  return `decode((array[${keys.map((key) => `'${key}'`).join(', ')}])[1 + (n / 2) % ${keys.length}], 'hex')`;
}

import type { Counts } from './counts.ts';
import { robloxKey } from './rows-people.ts';
import { LICENSE_HASHES } from './secrets.ts';
import { anyId, at, chance, hash, id, nastyOr, oneOf, pair, sometimes, words, type TableRows } from './sql.ts';

/** The bot, the whitelists, the developer API. Ids of Roblox and Discord are above 2^31, some above 2^53. */
export function botRows(c: Counts): TableRows[] {
  const users = c['auth.users'];
  const server = pair(c.discord_servers, COMMANDS.length);
  const group = `(4294967296 + n * 65537 + ${hash('roblox.group', 65536)})`;
  return [
    {
      table: 'discord_servers',
      rows: c.discord_servers,
      columns: {
        id: id('server'),
        guild_id: `(1100000000000000000 + n * 4194304)::text`,
        guild_name: nastyOr(5, `initcap(${words('servers.name')})`),
        owner_id: `case when n % 9 = 4 then '0' else (100000000000000000 + n * 4194304)::text end`,
        user_id: `case when n % 4 = 3 then null else ${id('user')} end`,
        member_count: hash('servers.members', 90000),
        is_configured: chance('servers.configured', 80),
        created_at: at('servers.created'),
        updated_at: at('servers.updated'),
      },
    },
    {
      table: 'bot_products',
      rows: c.bot_products,
      columns: {
        id: id('bot-product'),
        server_id: id('server', `1 + (n - 1) % ${c.discord_servers}`),
        name: `'Product ' || n`,
        roblox_group_id: `${group}::text`,
        payhip_api_key: `'payhip_' || md5('payhip' || n)`,
        role_id: sometimes('bot.role', 70, `(1200000000000000000 + n * 4194304)::text`),
        redemption_message: sometimes('bot.message', 60, nastyOr(4, words('bot.message'))),
        created_at: at('bot.created'),
        updated_at: at('bot.updated'),
        roblox_api_key_encrypted: `case when n % 2 = 1 then ${robloxKey()} end`,
      },
    },
    {
      table: 'bot_whitelisted_users',
      rows: c.bot_whitelisted_users,
      columns: {
        id: id('whitelisted'),
        product_id: anyId('bot-product', 'whitelisted.product', c.bot_products),
        discord_id: `(200000000000000000 + n * 4194304)::text`,
        discord_username: sometimes('whitelisted.name', 90, `'player' || n`),
        roblox_id: sometimes('whitelisted.roblox', 90, `(2147483648 + n)::text`),
        roblox_username: sometimes('whitelisted.roblox', 90, `'Builder_' || n`),
        license_key: `(array[${LICENSE_HASHES.map((hashed) => `'${hashed}'`).join(', ')}])[1 + n % ${LICENSE_HASHES.length}]`,
        redeemed_at: at('whitelisted.at'),
      },
    },
    {
      table: 'bot_command_permissions',
      rows: Math.min(c.bot_command_permissions, c.discord_servers * COMMANDS.length),
      columns: {
        id: id('permission'),
        server_id: id('server', server.first),
        command_name: `(array[${COMMANDS.map((name) => `'${name}'`).join(', ')}])[${server.second}]`,
        allowed_role_ids: `case n % 3 when 0 then '{}' when 1 then array[(1200000000000000000 + n)::text, null] else null end`,
        require_admin: chance('permissions.admin', 50),
        enabled: chance('permissions.enabled', 90),
        created_at: at('permissions.created'),
        updated_at: at('permissions.updated'),
      },
    },
    {
      // Holds the bot's token in clear, readable by anon: what the hardened mode must close.
      table: 'bot_config',
      rows: CONFIG.length,
      columns: {
        id: id('config'),
        key: `(array[${CONFIG.map((key) => `'${key}'`).join(', ')}])[n]`,
        value: `'stand-in-' || md5('config' || n)`,
        description: `case when n % 2 = 0 then 'made by the stand-in' end`,
        is_secret: 'n <= 3',
        created_at: at('config.created'),
        updated_at: at('config.updated'),
      },
    },
    {
      table: 'whitelist_systems',
      rows: c.whitelist_systems,
      columns: {
        id: id('whitelist'),
        user_id: id('user', `1 + (n - 1) % ${users}`),
        name: nastyOr(7, words('whitelists.name')),
        product_id: sometimes('whitelists.product', 50, `'external-' || n`),
        created_at: at('whitelists.created'),
        updated_at: at('whitelists.updated'),
      },
    },
    {
      table: 'whitelist_users',
      rows: c.whitelist_users,
      columns: {
        id: id('whitelist-user'),
        whitelist_id: id('whitelist', `1 + (n - 1) % ${c.whitelist_systems}`),
        username: `'Builder_' || n`,
        discord_id: sometimes('wusers.discord', 70, `(200000000000000000 + n * 4194304)::text`),
        roblox_id: sometimes('wusers.roblox', 90, `(9007199254740993 + n)::text`), // 2^53 + 1: a double cannot hold it
        license_key: `upper(md5('whitelist-key' || n))`,
        status: oneOf('wusers.status', 'active', 'active', 'expired', 'banned'),
        added_at: at('wusers.added'),
        expires_at: `case when n % 6 = 2 then timestamptz 'infinity' when n % 6 = 3 then ${at('wusers.expires')} end`,
        metadata: `case n % 4 when 0 then null when 1 then 'null'::jsonb
          when 2 then '{"n": 1.0, "m": 1.00, "e": 1e2, "id": 9007199254740993}'::jsonb else '{}'::jsonb end`,
        created_at: at('wusers.created'),
        updated_at: at('wusers.updated'),
      },
    },
    {
      table: 'api_keys',
      rows: c.api_keys,
      columns: {
        id: id('api-key'),
        user_id: id('user', `1 + (n - 1) % ${users}`),
        name: nastyOr(6, `'key ' || n`),
        key_hash: `encode(sha256(('api-key/' || n)::bytea), 'hex')`,
        permissions: `case when n % 5 = 2 then null else '{"whitelist": true, "obfuscator": false}'::jsonb end`,
        last_used_at: sometimes('keys.used', 60, at('keys.used_at')),
        created_at: at('keys.created'),
      },
    },
    {
      table: 'developer_api_keys',
      rows: c.developer_api_keys,
      columns: {
        id: id('developer-key'),
        developer_id: id('user', `1 + (n - 1) % ${users}`),
        api_key: `'vk_live_' || md5('developer' || n)`,
        name: `'Key ' || n`,
        created_at: at('dkeys.created'),
        last_used_at: sometimes('dkeys.used', 60, at('dkeys.used_at')),
        is_active: chance('dkeys.active', 90),
      },
    },
    {
      // As with profiles: not one for every user, and not the tier that the trigger would give.
      table: 'developer_subscriptions',
      rows: Math.min(c.developer_subscriptions, users),
      columns: {
        id: id('subscription'),
        developer_id: id('user'),
        tier: oneOf('subscriptions.tier', 'free', 'pro', 'pro_plus', 'enterprise'),
        stripe_customer_id: sometimes('subscriptions.stripe', 50, `'cus_' || substr(md5('customer' || n), 1, 14)`),
        current_period_end: sometimes('subscriptions.end', 50, at('subscriptions.end_at')),
        created_at: at('subscriptions.created'),
        updated_at: at('subscriptions.updated'),
      },
    },
    {
      table: 'developer_products',
      rows: c.developer_products,
      columns: {
        id: id('developer-product'),
        developer_id: id('user', `1 + (n - 1) % ${users}`),
        product_name: nastyOr(9, words('dproducts.name')),
        roblox_group_id: `case when n = 5 then 9223372036854775807 else ${group} end`,
        created_at: at('dproducts.created'),
        updated_at: at('dproducts.updated'),
      },
    },
    {
      table: 'whitelist_entries',
      rows: c.whitelist_entries,
      columns: {
        id: id('entry'),
        product_id: anyId('developer-product', 'entries.product', c.developer_products),
        roblox_user_id: `2147483648 + n * 7`,
        discord_id: `(200000000000000000 + n * 4194304)::text`,
        expiry_date: `case when n % 10 = 1 then timestamptz 'infinity' when n % 10 = 2 then timestamptz '0044-03-15 12:00:00+00 BC'
          else ${at('entries.expiry')} end`,
        created_at: at('entries.created'),
        updated_at: at('entries.updated'),
      },
    },
    {
      table: 'obfuscation_credits',
      rows: Math.min(c.obfuscation_credits, users),
      columns: {
        id: id('credit'),
        developer_id: id('user'),
        credits: `1 + ${hash('credits.left', 100)}`,
        updated_at: at('credits.updated'),
      },
    },
    {
      table: 'obfuscation_usage',
      rows: c.obfuscation_usage,
      columns: {
        id: id('obfuscation'),
        developer_id: anyId('user', 'obfuscation.user', users),
        api_key_id: sometimes('obfuscation.key', 60, anyId('developer-key', 'obfuscation.which', c.developer_api_keys)),
        created_at: at('obfuscation.created'),
        credit_used: chance('obfuscation.credit', 30),
      },
    },
  ];
}

const COMMANDS = ['redeem', 'update', 'whitelist', 'obfuscate', 'fullsecurity', 'bulksecurity', 'securefolder'];

const CONFIG = [
  'DISCORD_TOKEN',
  'DISCORD_CLIENT_ID',
  'ROBLOX_API_KEY',
  'LOG_CHANNEL',
  'STATUS_TEXT',
  'PREFIX',
  'MAX_KEYS',
  'WEBSITE_URL',
  'VERSION',
];

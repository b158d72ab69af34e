/** What tests and `vectabase demo` rely on. Ids do not depend on the seed. */

/** User 1: a password of bcrypt cost 10, a store, products, a profile. */
export const DEMO_USER = {
  id: '723fa8c7-f436-4521-a5e3-81f74ee35761',
  email: 'ada@example.com',
  password: 'correct horse battery staple',
} as const;

export const BUCKETS = ['product-images', 'website-assets', 'product-files', 'forum-media'] as const;

export const STANDIN_FACTS = {
  demoUser: DEMO_USER,
  /** Policy products_select: anybody may read it. */
  anonRow: { schema: 'public', table: 'products', id: 'b993d63a-a0b6-40f5-a8c7-bb17ebf13de7' },
  /** Policy whitelist_systems_owner: its owner, the demo user, reads it; anon and others get no row. */
  ownerRow: { schema: 'public', table: 'whitelist_systems', id: 'f6627efe-038d-46e8-a545-55c565570397' },
  /** Another user's whitelist: the demo user may not read it. */
  foreignRow: { schema: 'public', table: 'whitelist_systems', id: '7f071bb1-6046-402c-ab1e-aa5d46b1a7d6' },
  /** The tables that must be in every report (requirement 2.3). */
  requiredTables: [
    'profiles',
    'products',
    'sales',
    'stores',
    'payment_transactions',
    'whitelist_systems',
    'whitelist_users',
    'api_keys',
    'discord_servers',
    'bot_products',
    'bot_whitelisted_users',
    'bot_command_permissions',
    'developer_api_keys',
    'developer_subscriptions',
    'obfuscation_credits',
    'obfuscation_usage',
    'developer_products',
    'whitelist_entries',
  ],
  buckets: BUCKETS,
} as const;

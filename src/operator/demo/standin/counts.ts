/**
 * How many rows each table gets. 60 % of all rows are request logs and visits, as in the source (its two largest
 * tables); the rest is shared by these weights, which are row counts of a shop with 3 000 users. The second number is
 * the least a table gets, so that every trap exists at 5 000 rows as well.
 */
const WEIGHTS = {
  'auth.users': [3000, 80],
  'auth.sessions': [1500, 40],
  'auth.refresh_tokens': [3000, 60],
  'auth.mfa_factors': [100, 6],
  'auth.one_time_tokens': [150, 8],
  'auth.audit_log_entries': [1000, 20],
  'storage.objects': [900, 40],
  user_roles: [400, 12],
  follows: [1500, 20],
  announcements: [20, 5],
  security_audit_log: [800, 20],
  stores: [150, 12],
  products: [600, 30],
  product_versions: [1200, 40],
  product_reviews: [1000, 20],
  product_bundles: [60, 6],
  product_collections: [150, 8],
  collection_products: [500, 15],
  store_products: [600, 15],
  page_sections: [400, 10],
  notification_preferences: [700, 15],
  download_events: [3000, 30],
  commission_overrides: [40, 5],
  sales: [2500, 60],
  payment_transactions: [2500, 60],
  platform_fees_owed: [600, 15],
  discount_codes: [120, 10],
  discount_usage: [500, 15],
  license_keys: [1200, 20],
  license_activations: [1500, 20],
  affiliate_links: [200, 10],
  affiliate_settings: [100, 5],
  affiliate_referrals: [300, 10],
  affiliate_payout_requests: [60, 8],
  newsletter_subscribers: [800, 15],
  newsletter_campaigns: [40, 5],
  email_queue: [500, 15],
  forum_settings: [80, 5],
  forum_categories: [200, 8],
  forum_posts: [800, 30],
  forum_replies: [2000, 40],
  roadmap_versions: [200, 8],
  roadmap_items: [600, 15],
  roadmap_item_votes: [1200, 20],
  roadmap_suggestions: [400, 20],
  roadmap_suggestion_replies: [500, 15],
  roadmap_suggestion_upvotes: [900, 20],
  changelogs: [150, 8],
  discord_servers: [80, 8],
  bot_products: [250, 16],
  bot_whitelisted_users: [1200, 20],
  bot_command_permissions: [400, 12],
  whitelist_systems: [100, 8],
  whitelist_users: [800, 15],
  api_keys: [150, 8],
  developer_api_keys: [300, 10],
  developer_subscriptions: [500, 20],
  developer_products: [250, 10],
  whitelist_entries: [1000, 20],
  obfuscation_credits: [500, 20],
  obfuscation_usage: [1000, 20],
  page_views: [2000, 20],
  analytics_daily: [120, 5],
} as const satisfies Record<string, readonly [number, number]>;

export type CountedTable = keyof typeof WEIGHTS;

/** Rows by table. `visits` is a quarter of all; request logs fill up what is then missing to the number asked for. */
export type Counts = Readonly<Record<CountedTable, number>> & { readonly visits: number };

export function countRows(total: number): Counts {
  const entries = Object.entries(WEIGHTS);
  const sum = entries.reduce((all, [, [weight]]) => all + weight, 0);
  const share = (0.4 * total) / sum;
  const counted = entries.map(([table, [weight, least]]) => [table, Math.max(least, Math.round(weight * share))]);
  return { ...(Object.fromEntries(counted) as Record<CountedTable, number>), visits: Math.round(0.25 * total) };
}

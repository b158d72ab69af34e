import type { Counts } from './counts.ts';
import { anyId, at, chance, hash, id, money, nastyOr, oneOf, pair, sometimes, words, type TableRows } from './sql.ts';

/** Stores and what they sell. Creators are the first users, one a store; products go round them. */
export function shopRows(c: Counts): TableRows[] {
  const { products, stores } = c;
  const users = c['auth.users'];
  const reviews = pair(products, users);
  const inCollection = pair(c.product_collections, products);
  const inStore = pair(stores, products);
  const wanted = pair(users, products);
  return [
    {
      table: 'stores',
      rows: stores,
      columns: {
        id: id('store'),
        // no foreign key here: every ninth owner does not exist
        user_id: `case when n % 9 = 8 then ${id('gone')} else ${id('user')} end`,
        store_name: nastyOr(6, `initcap(${words('stores.name')})`),
        store_slug: `'store-' || n`,
        description: sometimes('stores.description', 60, words('stores.description')),
        stripe_connect_account_id: sometimes('stores.stripe', 70, `'acct_' || substr(md5('stripe' || n), 1, 16)`),
        is_active: `n % 8 <> 5`,
        // not the number and sum of the completed transactions: a trigger would have made them so, history did not
        total_sales: `(1000 + ${hash('stores.sales', 500)})`,
        total_earnings: `case n % 3 when 0 then 1.0 when 1 then 1.00 else ${money('stores.earned', 90000)} end`,
        created_at: at('stores.created'),
        updated_at: at('stores.updated'),
      },
    },
    {
      table: 'products',
      rows: products,
      columns: {
        id: id('product'),
        title: nastyOr(10, `initcap(${words('products.title')})`),
        description: sometimes(
          'products.description',
          85,
          `${words('products.d1')} || E'.\\r\\n' || ${words('products.d2')}`,
        ),
        price: money('products.price', 200),
        image_url: sometimes('products.image', 70, `'https://cdn.example.com/p/' || n || '.png?w=400&h=300'`),
        category: oneOf('products.category', 'scripts', 'models', 'ui', 'maps', 'plugins'),
        downloads: hash('products.downloads', 20000),
        rating: `${hash('products.rating', 501)}::numeric / 100`,
        creator_id: `case when n % 29 <> 28 then ${creator(stores)} end`,
        is_featured: chance('products.featured', 5),
        is_top_rated: chance('products.top', 7),
        is_new: chance('products.new', 30),
        created_at: at('products.created'),
        updated_at: at('products.updated'),
        store_id: `case when n % 29 <> 28 then ${id('store', CREATOR(stores))} end`,
        // arrays: null, empty, null element, quotes, commas, braces, backslash, the word NULL
        file_urls: `case n % 7
          when 1 then null
          when 2 then '{}'
          when 3 then array['https://cdn.example.com/' || n, null]
          when 4 then array['a "quoted" one', 'with,comma', '{braces}', E'back\\\\slash', 'NULL', '']
          else array['https://cdn.example.com/f/' || n || '.rbxm'] end`,
        roadmap_enabled: chance('products.roadmap', 30),
        // jsonb: SQL null and json null are two different things
        roadmap_settings: `case n % 5
          when 0 then null
          when 1 then 'null'::jsonb
          when 2 then '{}'::jsonb
          else jsonb_build_object('z', 1.10, 'a', null, 'text', standin.nasty(n), 'big', 12345678901234567890) end`,
        voting_enabled: chance('products.voting', 20),
        license_enabled: chance('products.license', 40),
        max_activations: sometimes('products.activations', 40, `1 + ${hash('products.max', 5)}`),
      },
    },
    {
      // Two or three versions of one product are current at once: the trigger would leave only the last one loaded.
      table: 'product_versions',
      rows: c.product_versions,
      columns: {
        id: id('version'),
        product_id: id('product', `1 + (n - 1) % ${Math.ceil(products / 2)}`),
        version_number: `(1 + n / ${products}) || '.' || n % 10 || '.0'`,
        file_url: `'product-files/' || n || '.rbxm'`,
        file_size: `case when n % 11 = 4 then 5368709120 + n else ${hash('versions.size', 9_000_000)} end`,
        changelog: sometimes('versions.changelog', 50, nastyOr(8, words('versions.changelog'))),
        is_current: `n % 4 <> 0`,
        created_at: at('versions.created'),
      },
    },
    {
      table: 'product_reviews',
      rows: c.product_reviews,
      columns: {
        id: id('review'),
        product_id: id('product', reviews.first),
        user_id: id('user', reviews.second),
        rating: `1 + ${hash('reviews.rating', 5)}`,
        title: sometimes('reviews.title', 70, words('reviews.title')),
        content: nastyOr(9, words('reviews.content')),
        owner_response: sometimes('reviews.answer', 20, words('reviews.answer')),
        owner_response_at: sometimes('reviews.answer', 20, at('reviews.answered')),
        helpful_count: hash('reviews.helpful', 40),
        created_at: at('reviews.created'),
        updated_at: at('reviews.updated'),
      },
    },
    {
      table: 'product_bundles',
      rows: c.product_bundles,
      columns: {
        id: id('bundle'),
        creator_id: creator(stores),
        name: `'Bundle ' || n`,
        product_ids: `case when n % 6 = 5 then '{}'
          else array[${anyId('product', 'bundles.p1', products)}, ${anyId('product', 'bundles.p2', products)}, ${id('gone')}] end`,
        bundle_price: `case n % 4 when 0 then 10 when 1 then 10.0 when 2 then 10.00 else 0.3333333333333333333333333333 end`,
        original_price: money('bundles.price', 300),
        is_active: `n % 3 <> 0`,
        created_at: at('bundles.created'),
        updated_at: at('bundles.updated'),
      },
    },
    {
      table: 'product_collections',
      rows: c.product_collections,
      columns: {
        id: id('collection'),
        user_id: creator(stores),
        name: words('collections.name'),
        slug: `'collection-' || n`,
        is_visible: chance('collections.visible', 80),
        created_at: at('collections.created'),
        updated_at: at('collections.updated'),
      },
    },
    {
      table: 'collection_products',
      rows: Math.min(c.collection_products, c.product_collections * products),
      columns: {
        collection_id: id('collection', inCollection.first),
        product_id: id('product', inCollection.second),
        created_at: at('in_collection.created'),
      },
    },
    {
      table: 'store_products',
      rows: Math.min(c.store_products, stores * products),
      columns: {
        id: id('store-product'),
        store_id: id('store', inStore.first),
        product_id: id('product', inStore.second),
        is_featured: chance('store_products.featured', 10),
        created_at: at('store_products.created'),
      },
    },
    {
      table: 'page_sections',
      rows: c.page_sections,
      columns: {
        id: id('section'),
        user_id: creator(stores),
        type: oneOf('sections.type', 'hero', 'products', 'text', 'gallery'),
        order_index: `n / ${stores}`,
        settings: `case when n % 6 = 1 then null when n % 6 = 2 then '[]'::jsonb
          else jsonb_build_object('html', '<p class="x">' || standin.nasty(n) || '</p>', 'columns', n % 4) end`,
        created_at: at('sections.created'),
        updated_at: at('sections.updated'),
      },
    },
    {
      table: 'notification_preferences',
      rows: c.notification_preferences,
      columns: {
        id: id('preference'),
        user_id: id('user', wanted.first),
        product_id: id('product', wanted.second),
        email_enabled: chance('preferences.email', 75),
        created_at: at('preferences.created'),
      },
    },
    {
      table: 'download_events',
      rows: c.download_events,
      columns: {
        id: id('download'),
        product_id: anyId('product', 'downloads.product', products),
        version_id: sometimes('downloads.has', 60, anyId('version', 'downloads.version', c.product_versions)),
        user_id: anyId('user', 'downloads.user', users),
        // inet: host, network, IPv6, and an address whose mask is its own full length
        ip_address: `case n % 5 when 0 then null when 1 then '10.0.0.0/8' when 2 then '2001:db8::1'
          else ('198.51.100.' || n % 256) end::inet`,
        user_agent: sometimes('downloads.agent', 80, `'roblox/' || n % 40`),
        downloaded_at: at('downloads.at'),
      },
    },
    {
      // Written before and after the unit changed from percent to fraction.
      table: 'commission_overrides',
      rows: Math.min(c.commission_overrides, stores),
      columns: {
        id: id('override'),
        store_id: id('store'),
        custom_rate: `case when n % 2 = 0 then 3.50 else 0.05 end`,
        is_permanent: `n % 3 = 0`,
        expires_at: `case n % 3 when 1 then timestamptz 'infinity' when 2 then timestamptz '2025-12-31 23:59:59.999999+00' end`,
        reason: sometimes('overrides.reason', 50, words('overrides.reason')),
        created_by: id('user', '2'),
        created_at: at('overrides.created'),
        updated_at: at('overrides.updated'),
      },
    },
  ];
}

/** The creator of row n, in SQL: its number, and its id. */
export const CREATOR = (stores: number): string => `1 + (n - 1) % ${stores}`;
export const creator = (stores: number): string => id('user', CREATOR(stores));

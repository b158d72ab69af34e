-- Stores and what they sell.
set local role postgres;

create table public.stores (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  store_name text not null,
  store_slug text not null unique,
  description text,
  logo_url text,
  banner_url text,
  stripe_connect_account_id text,
  is_active boolean not null default true,
  total_sales numeric default 0,
  total_earnings numeric default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table public.stores enable row level security;

create table public.products (
  id uuid primary key default gen_random_uuid(),
  title text not null,
  description text,
  price numeric(10,2) not null,
  image_url text,
  category text not null,
  downloads integer default 0,
  rating numeric(3,2) default 0,
  creator_id uuid references auth.users on delete cascade,
  is_featured boolean default false,
  is_top_rated boolean default false,
  is_new boolean default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  store_id uuid references public.stores on delete set null,
  file_urls text[],
  roadmap_enabled boolean default false,
  roadmap_settings jsonb default '{}',
  voting_enabled boolean default false,
  sort_by_votes boolean default false,
  license_enabled boolean default false,
  max_activations integer
);
alter table public.products enable row level security;
create index idx_products_category on public.products (category);
create index idx_products_created_at on public.products (created_at desc);
create index idx_products_creator_category on public.products (creator_id, category);
create index idx_products_creator_created on public.products (creator_id, created_at desc);
create index idx_products_creator_id on public.products (creator_id);
create index idx_products_description_search on public.products using gin (to_tsvector('english', description));
create index idx_products_downloads on public.products (downloads desc);
create index idx_products_featured on public.products (is_featured) where is_featured = true;
create index idx_products_file_urls on public.products using gin (file_urls);
create index idx_products_rating on public.products (rating desc);
create index idx_products_store_id on public.products (store_id);
create index idx_products_title_search on public.products using gin (to_tsvector('english', title));
create index idx_products_top_rated on public.products (is_top_rated) where is_top_rated = true;

create table public.product_versions (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products on delete cascade,
  version_number text not null,
  file_url text not null,
  file_size bigint,
  changelog text,
  is_current boolean default false,
  created_at timestamptz default now()
);
alter table public.product_versions enable row level security;
create index idx_versions_current on public.product_versions (product_id, is_current) where is_current = true;
create index idx_versions_product on public.product_versions (product_id);

create table public.product_reviews (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  rating integer not null check (rating >= 1 and rating <= 5),
  title text,
  content text,
  owner_response text,
  owner_response_at timestamptz,
  helpful_count integer default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (product_id, user_id)
);
alter table public.product_reviews enable row level security;
create index idx_reviews_product on public.product_reviews (product_id);
create index idx_reviews_rating on public.product_reviews (product_id, rating);
create index idx_reviews_user on public.product_reviews (user_id);

create table public.product_bundles (
  id uuid primary key default gen_random_uuid(),
  creator_id uuid not null references auth.users on delete cascade,
  name text not null,
  description text,
  image_url text,
  product_ids uuid[] not null,
  bundle_price numeric not null check (bundle_price >= 0),
  original_price numeric not null check (original_price >= 0),
  is_active boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.product_bundles enable row level security;
create index idx_bundles_active on public.product_bundles (is_active);
create index idx_bundles_creator on public.product_bundles (creator_id);

create table public.product_collections (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  name text not null,
  slug text not null,
  is_visible boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.product_collections enable row level security;
create index idx_product_collections_slug on public.product_collections (user_id, slug);
create index idx_product_collections_user_id on public.product_collections (user_id);

create table public.collection_products (
  collection_id uuid not null references public.product_collections on delete cascade,
  product_id uuid not null references public.products on delete cascade,
  created_at timestamptz default now(),
  primary key (collection_id, product_id)
);
alter table public.collection_products enable row level security;
create index idx_collection_products_collection on public.collection_products (collection_id);
create index idx_collection_products_product on public.collection_products (product_id);

create table public.store_products (
  id uuid primary key default gen_random_uuid(),
  store_id uuid not null references public.stores on delete cascade,
  product_id uuid not null references public.products on delete cascade,
  is_featured boolean default false,
  created_at timestamptz not null default now(),
  unique (store_id, product_id)
);
alter table public.store_products enable row level security;
create index idx_store_products_product_id on public.store_products (product_id);

create table public.page_sections (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  type text not null,
  order_index integer not null default 0,
  settings jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.page_sections enable row level security;
create index idx_page_sections_order on public.page_sections (user_id, order_index);
create index idx_page_sections_user_id on public.page_sections (user_id);

create table public.notification_preferences (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  product_id uuid not null references public.products on delete cascade,
  email_enabled boolean default true,
  created_at timestamptz default now(),
  unique (user_id, product_id)
);
alter table public.notification_preferences enable row level security;
create index idx_notif_prefs_product on public.notification_preferences (product_id);
create index idx_notif_prefs_user on public.notification_preferences (user_id);

create table public.download_events (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products on delete cascade,
  version_id uuid references public.product_versions on delete set null,
  user_id uuid not null references auth.users on delete cascade,
  ip_address inet,
  user_agent text,
  downloaded_at timestamptz default now()
);
alter table public.download_events enable row level security;
create index idx_downloads_date on public.download_events (downloaded_at);
create index idx_downloads_product on public.download_events (product_id);
create index idx_downloads_user on public.download_events (user_id);
create index idx_downloads_version on public.download_events (version_id);

create table public.commission_overrides (
  id uuid primary key default gen_random_uuid(),
  store_id uuid not null unique references public.stores on delete cascade,
  custom_rate numeric(5,2) not null check (custom_rate >= 0 and custom_rate <= 100),
  default_rate numeric(5,2) default 5.00,
  is_permanent boolean default false,
  expires_at timestamptz,
  reason text,
  created_by uuid references auth.users,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.commission_overrides enable row level security;
create index idx_commission_overrides_created_by on public.commission_overrides (created_by);
create index idx_commission_overrides_expires_at on public.commission_overrides (expires_at) where expires_at is not null;
create index idx_commission_overrides_store_id on public.commission_overrides (store_id);

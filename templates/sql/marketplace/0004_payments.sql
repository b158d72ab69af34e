-- Money: sales, payments, fees, discounts, licences.
set local role postgres;

create table public.sales (
  id uuid primary key default gen_random_uuid(),
  product_id uuid references public.products on delete cascade,
  buyer_id uuid references auth.users on delete cascade,
  amount numeric(10,2) not null,
  created_at timestamptz not null default now(),
  seller_id uuid references auth.users,
  currency text default 'usd',
  platform_fee numeric(10,2) default 0,
  seller_amount numeric(10,2) default 0,
  stripe_payment_id text
);
alter table public.sales enable row level security;
create index idx_sales_buyer_id on public.sales (buyer_id);
create index idx_sales_created_at on public.sales (created_at);
create index idx_sales_product_buyer on public.sales (product_id, buyer_id);
create index idx_sales_product_id on public.sales (product_id);
create index idx_sales_seller_id on public.sales (seller_id);

create table public.payment_transactions (
  id uuid primary key default gen_random_uuid(),
  stripe_payment_intent_id text unique,
  buyer_id uuid,
  seller_id uuid not null,
  store_id uuid references public.stores,
  product_id uuid references public.products on delete cascade,
  amount numeric not null,
  platform_fee numeric not null,
  seller_amount numeric not null,
  status text not null default 'pending',
  created_at timestamptz not null default now(),
  payment_provider text default 'stripe',
  payment_id text,
  payout_status text default 'pending',
  payout_batch_id text,
  payment_method text default 'stripe',
  stripe_session_id text,
  paypal_transaction_id text,
  updated_at timestamptz default now()
);
alter table public.payment_transactions enable row level security;
create index idx_payment_transactions_buyer_created on public.payment_transactions (buyer_id, created_at desc) where buyer_id is not null;
create index idx_payment_transactions_payment_id on public.payment_transactions (payment_id);
create index idx_payment_transactions_payment_method on public.payment_transactions (payment_method);
create index idx_payment_transactions_payout_status on public.payment_transactions (payout_status);
create index idx_payment_transactions_product_id on public.payment_transactions (product_id);
create index idx_payment_transactions_seller_created on public.payment_transactions (seller_id, created_at desc) where seller_id is not null;
create index idx_payment_transactions_status on public.payment_transactions (status);
create index idx_payment_transactions_store_id on public.payment_transactions (store_id);
create index idx_payment_transactions_stripe_session_id on public.payment_transactions (stripe_session_id) where stripe_session_id is not null;
create index idx_transactions_provider on public.payment_transactions (payment_provider);

create table public.platform_fees_owed (
  id uuid primary key default gen_random_uuid(),
  seller_id uuid not null references auth.users on delete cascade,
  transaction_id uuid references public.payment_transactions on delete set null,
  amount_owed numeric(10,2) not null,
  status text default 'pending',
  collected_at timestamptz,
  notes text,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.platform_fees_owed enable row level security;
create index idx_platform_fees_owed_transaction_id on public.platform_fees_owed (transaction_id);
create index idx_platform_fees_seller on public.platform_fees_owed (seller_id, status);
create index idx_platform_fees_status on public.platform_fees_owed (status, created_at);

create table public.discount_codes (
  id uuid primary key default gen_random_uuid(),
  creator_id uuid not null references auth.users on delete cascade,
  code text not null,
  discount_type text not null check (discount_type in ('percentage', 'fixed')),
  discount_value numeric not null check (discount_value > 0),
  min_purchase numeric,
  max_discount numeric,
  product_ids uuid[],
  usage_limit integer,
  usage_count integer default 0,
  expires_at timestamptz,
  is_active boolean default true,
  created_at timestamptz default now(),
  unique (creator_id, code)
);
alter table public.discount_codes enable row level security;
create index idx_discount_active on public.discount_codes (is_active, expires_at);
create index idx_discount_code on public.discount_codes (code);
create index idx_discount_creator on public.discount_codes (creator_id);

create table public.discount_usage (
  id uuid primary key default gen_random_uuid(),
  code_id uuid not null references public.discount_codes on delete cascade,
  user_id uuid references auth.users on delete set null,
  sale_id uuid references public.sales on delete set null,
  discount_amount numeric not null,
  used_at timestamptz default now()
);
alter table public.discount_usage enable row level security;
create index idx_discount_usage_code on public.discount_usage (code_id);
create index idx_discount_usage_user on public.discount_usage (user_id);

create table public.license_keys (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products on delete cascade,
  sale_id uuid references public.sales on delete set null,
  user_id uuid not null references auth.users on delete cascade,
  key text not null unique,
  status text default 'active' check (status in ('active', 'revoked', 'expired')),
  activations integer default 0,
  max_activations integer,
  expires_at timestamptz,
  created_at timestamptz default now()
);
alter table public.license_keys enable row level security;
create index idx_license_key on public.license_keys (key);
create index idx_license_product on public.license_keys (product_id);
create index idx_license_status on public.license_keys (status);
create index idx_license_user on public.license_keys (user_id);

create table public.license_activations (
  id uuid primary key default gen_random_uuid(),
  license_id uuid not null references public.license_keys on delete cascade,
  machine_id text not null,
  ip_address inet,
  activated_at timestamptz default now(),
  deactivated_at timestamptz
);
alter table public.license_activations enable row level security;
create index idx_activations_license on public.license_activations (license_id);
create index idx_activations_machine on public.license_activations (machine_id);

-- The developer API: keys, plans, whitelists, credits, request log.
set local role postgres;

create table public.developer_api_keys (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null references auth.users on delete cascade,
  api_key text not null unique,
  name text not null default 'Default',
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  is_active boolean not null default true
);
alter table public.developer_api_keys enable row level security;
create unique index idx_api_keys_developer_name on public.developer_api_keys (developer_id, name);
create index idx_api_keys_key on public.developer_api_keys (api_key);

create table public.developer_subscriptions (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null unique references auth.users on delete cascade,
  tier text not null default 'free' check (tier in ('free', 'pro', 'pro_plus', 'enterprise')),
  stripe_subscription_id text,
  stripe_customer_id text,
  current_period_start timestamptz,
  current_period_end timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table public.developer_subscriptions enable row level security;

create table public.developer_products (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null references auth.users on delete cascade,
  product_name text not null,
  roblox_group_id bigint not null,
  description text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table public.developer_products enable row level security;
create unique index idx_products_developer_group on public.developer_products (developer_id, roblox_group_id);
create index idx_products_group on public.developer_products (roblox_group_id);

create table public.whitelist_entries (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.developer_products on delete cascade,
  roblox_user_id bigint not null,
  discord_id text not null,
  expiry_date timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table public.whitelist_entries enable row level security;
create index idx_whitelist_expiry on public.whitelist_entries (expiry_date);
create index idx_whitelist_product on public.whitelist_entries (product_id);
create unique index idx_whitelist_product_user on public.whitelist_entries (product_id, roblox_user_id);
create index idx_whitelist_roblox on public.whitelist_entries (roblox_user_id);

create table public.obfuscation_credits (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null unique references auth.users on delete cascade,
  credits integer not null default 0 check (credits >= 0),
  updated_at timestamptz not null default now()
);
alter table public.obfuscation_credits enable row level security;

create table public.obfuscation_usage (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null references auth.users on delete cascade,
  api_key_id uuid references public.developer_api_keys on delete set null,
  created_at timestamptz not null default now(),
  credit_used boolean default false
);
alter table public.obfuscation_usage enable row level security;
create index idx_obfuscation_usage_developer_date on public.obfuscation_usage (developer_id, created_at desc);

create table public.api_request_logs (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null references auth.users on delete cascade,
  endpoint text not null,
  method text not null,
  status_code integer not null,
  request_id text not null,
  created_at timestamptz not null default now()
);
alter table public.api_request_logs enable row level security;
create index idx_api_logs_developer on public.api_request_logs (developer_id, created_at desc);

-- What the Discord whitelist bot keeps.
set local role postgres;

create table public.discord_servers (
  id uuid primary key default gen_random_uuid(),
  guild_id text not null unique,
  guild_name text,
  guild_icon text,
  owner_id text not null,
  user_id uuid references auth.users on delete set null,
  member_count integer default 0,
  is_configured boolean default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.discord_servers enable row level security;
create index idx_discord_servers_guild_id on public.discord_servers (guild_id);
create index idx_discord_servers_owner_id on public.discord_servers (owner_id);
create index idx_discord_servers_user_id on public.discord_servers (user_id);

create table public.bot_products (
  id uuid primary key default gen_random_uuid(),
  server_id uuid not null references public.discord_servers on delete cascade,
  name text not null,
  roblox_group_id text not null,
  payhip_api_key text not null,
  role_id text,
  redemption_message text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  roblox_api_key_encrypted bytea,
  unique (server_id, name)
);
alter table public.bot_products enable row level security;
create index idx_bot_products_roblox_group_id on public.bot_products (roblox_group_id);
create index idx_bot_products_server_id on public.bot_products (server_id);

create table public.bot_whitelisted_users (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.bot_products on delete cascade,
  discord_id text not null,
  discord_username text,
  roblox_id text,
  roblox_username text,
  license_key text not null,
  redeemed_at timestamptz default now(),
  unique (product_id, discord_id)
);
alter table public.bot_whitelisted_users enable row level security;
create index idx_bot_whitelisted_users_discord_id on public.bot_whitelisted_users (discord_id);
create index idx_bot_whitelisted_users_product_id on public.bot_whitelisted_users (product_id);

create table public.bot_command_permissions (
  id uuid primary key default gen_random_uuid(),
  server_id uuid not null references public.discord_servers on delete cascade,
  command_name text not null,
  allowed_role_ids text[] default '{}',
  require_admin boolean default true,
  enabled boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (server_id, command_name)
);
alter table public.bot_command_permissions enable row level security;
create index idx_bot_command_permissions_server_id on public.bot_command_permissions (server_id);

create table public.bot_config (
  id uuid primary key default gen_random_uuid(),
  key text not null unique,
  value text not null,
  description text,
  is_secret boolean default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.bot_config enable row level security;

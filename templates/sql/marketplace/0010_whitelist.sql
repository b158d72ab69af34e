-- The dashboard's own whitelists.
set local role postgres;

create table public.whitelist_systems (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  name text not null,
  product_id text,
  description text,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.whitelist_systems enable row level security;
create index idx_whitelist_systems_user_id on public.whitelist_systems (user_id);

create table public.whitelist_users (
  id uuid primary key default gen_random_uuid(),
  whitelist_id uuid not null references public.whitelist_systems on delete cascade,
  username text not null,
  discord_id text,
  roblox_id text,
  license_key text not null,
  status text default 'active' check (status in ('active', 'expired', 'banned')),
  added_at timestamptz default now(),
  expires_at timestamptz,
  banned_at timestamptz,
  ban_reason text,
  metadata jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.whitelist_users enable row level security;
create index idx_whitelist_users_discord_id on public.whitelist_users (discord_id);
create index idx_whitelist_users_license_key on public.whitelist_users (license_key);
create index idx_whitelist_users_roblox_id on public.whitelist_users (roblox_id);
create index idx_whitelist_users_status on public.whitelist_users (status);
create index idx_whitelist_users_whitelist_id on public.whitelist_users (whitelist_id);

create table public.api_keys (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  name text not null,
  key_hash text not null,
  permissions jsonb default '{"whitelist": true, "obfuscator": true}',
  last_used_at timestamptz,
  expires_at timestamptz,
  created_at timestamptz default now()
);
alter table public.api_keys enable row level security;
create index idx_api_keys_key_hash on public.api_keys (key_hash);
create index idx_api_keys_user_id on public.api_keys (user_id);

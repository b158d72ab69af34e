-- People: profiles, roles, who follows whom, notices, the audit log.
set local role postgres;

create table public.profiles (
  id uuid primary key default gen_random_uuid(),
  user_id uuid unique references auth.users on delete cascade,
  display_name text,
  avatar_url text,
  bio text,
  is_creator boolean default false,
  total_earnings numeric(10,2) default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  website_settings jsonb default '{}',
  paypal_email text,
  paypal_merchant_id text,
  paypal_onboarding_status text default 'not_started',
  stripe_account_id text,
  stripe_onboarding_status text default 'not_started',
  preferred_payment_method text default 'paypal',
  stripe_connect_account_id text,
  stripe_connect_status text default 'not_connected',
  discord_id text,
  discord_username text,
  discord_access_token text,
  discord_refresh_token text,
  discord_token_expires_at timestamptz,
  tos_agreed_at timestamptz,
  tos_version text,
  business_name text,
  business_description text,
  contact_email text,
  onboarding_completed_at timestamptz,
  default_roblox_api_key_encrypted bytea,
  constraint business_description_max_length check (business_description is null or length(business_description) <= 500)
);
alter table public.profiles enable row level security;
create index idx_profiles_discord_id on public.profiles (discord_id);
create index idx_profiles_display_name on public.profiles (display_name);
create index idx_profiles_onboarding on public.profiles (user_id, tos_agreed_at, business_name, stripe_connect_status);
create index idx_profiles_paypal_email on public.profiles (paypal_email);
create index idx_profiles_paypal_merchant on public.profiles (paypal_merchant_id);
create index idx_profiles_preferred_payment_method on public.profiles (preferred_payment_method);
create index idx_profiles_stripe_account on public.profiles (stripe_account_id);
create index idx_profiles_stripe_connect_account_id on public.profiles (stripe_connect_account_id) where stripe_connect_account_id is not null;
create index idx_profiles_stripe_connect_status on public.profiles (stripe_connect_status);
create index idx_profiles_stripe_status on public.profiles (stripe_connect_status);
create index idx_profiles_user_id on public.profiles (user_id);
create index idx_profiles_website_settings on public.profiles using gin (website_settings);

create table public.user_roles (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  role public.user_role not null default 'user',
  created_at timestamptz not null default now(),
  unique (user_id, role)
);
alter table public.user_roles enable row level security;

create table public.follows (
  id uuid primary key default gen_random_uuid(),
  follower_id uuid not null references auth.users on delete cascade,
  following_id uuid not null references auth.users on delete cascade,
  created_at timestamptz default now(),
  unique (follower_id, following_id)
);
alter table public.follows enable row level security;
create index idx_follows_follower on public.follows (follower_id);
create index idx_follows_following on public.follows (following_id);

create table public.announcements (
  id uuid primary key default gen_random_uuid(),
  admin_id uuid not null references auth.users on delete cascade,
  title text not null,
  message text not null,
  type text default 'info',
  is_active boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  border_color text default 'red' check (border_color in ('red', 'orange', 'green'))
);
alter table public.announcements enable row level security;
create index idx_announcements_active on public.announcements (is_active, created_at desc);
create index idx_announcements_admin_id on public.announcements (admin_id);

create table public.security_audit_log (
  id uuid primary key default gen_random_uuid(),
  event_type text not null,
  user_id uuid,
  ip_address text,
  user_agent text,
  details jsonb,
  created_at timestamptz default now()
);
alter table public.security_audit_log enable row level security;
create index idx_security_audit_log_created_at on public.security_audit_log (created_at);

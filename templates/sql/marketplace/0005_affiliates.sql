-- Affiliates and what they are owed.
set local role postgres;

create table public.affiliate_links (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  creator_id uuid not null references auth.users on delete cascade,
  code text not null unique,
  clicks integer default 0,
  conversions integer default 0,
  earnings numeric default 0,
  created_at timestamptz default now(),
  unique (user_id, creator_id)
);
alter table public.affiliate_links enable row level security;
create index idx_affiliate_links_code on public.affiliate_links (code);
create index idx_affiliate_links_creator on public.affiliate_links (creator_id);
create index idx_affiliate_links_user on public.affiliate_links (user_id);

create table public.affiliate_settings (
  creator_id uuid primary key references auth.users on delete cascade,
  is_enabled boolean default false,
  commission_rate numeric default 0.1 check (commission_rate >= 0 and commission_rate <= 1),
  min_payout numeric default 50 check (min_payout >= 0),
  cookie_days integer default 30 check (cookie_days > 0),
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.affiliate_settings enable row level security;

create table public.affiliate_referrals (
  id uuid primary key default gen_random_uuid(),
  link_id uuid not null references public.affiliate_links on delete cascade,
  sale_id uuid not null references public.sales on delete cascade,
  commission_amount numeric not null check (commission_amount >= 0),
  status text default 'pending' check (status in ('pending', 'approved', 'paid', 'rejected')),
  created_at timestamptz default now(),
  paid_at timestamptz
);
alter table public.affiliate_referrals enable row level security;
create index idx_referrals_link on public.affiliate_referrals (link_id);
create index idx_referrals_status on public.affiliate_referrals (status);

create table public.affiliate_payout_requests (
  id uuid primary key default gen_random_uuid(),
  affiliate_link_id uuid references public.affiliate_links on delete cascade,
  amount numeric,
  payment_method text,
  payment_details text,
  status text default 'pending',
  created_at timestamptz default now(),
  processed_at timestamptz
);

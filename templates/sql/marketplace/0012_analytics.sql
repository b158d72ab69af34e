-- Visits. Row security is off here, as in the project this is shaped after.
set local role postgres;

create table public.visitor_sessions (
  id uuid primary key default gen_random_uuid(),
  session_id text not null unique,
  country text,
  country_code text,
  region text,
  city text,
  timezone text,
  language text,
  languages text[],
  user_agent text,
  device_type text,
  browser text,
  os text,
  referrer text,
  utm_source text,
  utm_medium text,
  utm_campaign text,
  first_page text,
  last_page text,
  page_views integer default 1,
  created_at timestamptz default now(),
  last_seen_at timestamptz default now(),
  latitude numeric(10,8),
  longitude numeric(11,8),
  accuracy numeric(10,2),
  postal_code text,
  isp text,
  org text,
  as_name text
);
create index idx_visitor_sessions_created_at on public.visitor_sessions (created_at desc);
create index idx_visitor_sessions_last_seen on public.visitor_sessions (last_seen_at desc);
create index idx_visitor_sessions_lat_lng on public.visitor_sessions (latitude, longitude);

create table public.page_views (
  id uuid primary key default gen_random_uuid(),
  session_id text,
  page_path text,
  page_title text,
  created_at timestamptz default now()
);

create table public.analytics_daily (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz default now()
);

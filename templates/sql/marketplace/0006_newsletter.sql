-- Newsletters and the mail queue.
set local role postgres;

create table public.newsletter_subscribers (
  id uuid primary key default gen_random_uuid(),
  email text not null,
  store_id uuid references public.stores on delete cascade,
  subscribed_at timestamptz default now(),
  is_active boolean default true,
  unsubscribe_token text default (gen_random_uuid())::text unique,
  unique (email, store_id)
);
alter table public.newsletter_subscribers enable row level security;
create index idx_newsletter_subscribers_email on public.newsletter_subscribers (email);
create index idx_newsletter_subscribers_store on public.newsletter_subscribers (store_id);

create table public.newsletter_campaigns (
  id uuid primary key default gen_random_uuid(),
  store_id uuid references public.stores on delete cascade,
  product_id uuid references public.products on delete cascade,
  subject text not null,
  sent_at timestamptz default now(),
  recipients_count integer default 0,
  opened_count integer default 0,
  clicked_count integer default 0
);
alter table public.newsletter_campaigns enable row level security;
create index idx_newsletter_campaigns_product_id on public.newsletter_campaigns (product_id);
create index idx_newsletter_campaigns_store on public.newsletter_campaigns (store_id);

create table public.email_queue (
  id uuid primary key default gen_random_uuid(),
  to_email text not null,
  subject text not null,
  html_content text not null,
  campaign_id uuid references public.newsletter_campaigns on delete set null,
  status text default 'pending',
  attempts integer default 0,
  last_attempt_at timestamptz,
  error_message text,
  created_at timestamptz default now()
);
alter table public.email_queue enable row level security;
create index idx_email_queue_campaign_id on public.email_queue (campaign_id);
create index idx_email_queue_status on public.email_queue (status);

-- Each creator's forum.
set local role postgres;

create table public.forum_settings (
  creator_id uuid primary key references auth.users on delete cascade,
  is_enabled boolean default false,
  require_purchase boolean default false,
  allow_anonymous boolean default false,
  moderation_enabled boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.forum_settings enable row level security;

create table public.forum_categories (
  id uuid primary key default gen_random_uuid(),
  creator_id uuid not null references auth.users on delete cascade,
  name text not null,
  description text,
  icon text default 'MessageCircle',
  color text default '#3b82f6',
  sort_order integer default 0,
  is_active boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.forum_categories enable row level security;
create index idx_forum_categories_active on public.forum_categories (is_active);
create index idx_forum_categories_active_sort on public.forum_categories (is_active, sort_order);
create index idx_forum_categories_creator on public.forum_categories (creator_id);
create index idx_forum_categories_creator_id on public.forum_categories (creator_id);

create table public.forum_posts (
  id uuid primary key default gen_random_uuid(),
  category_id uuid not null references public.forum_categories on delete cascade,
  creator_id uuid not null,
  user_id uuid not null references auth.users on delete cascade,
  title text not null,
  content text not null,
  is_pinned boolean default false,
  is_locked boolean default false,
  view_count integer default 0,
  reply_count integer default 0,
  last_reply_at timestamptz,
  last_reply_user_id uuid references auth.users on delete set null,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  media_urls text[] default '{}',
  tagged_product_id uuid references public.products on delete set null
);
alter table public.forum_posts enable row level security;
create index idx_forum_posts_category on public.forum_posts (category_id);
create index idx_forum_posts_category_created on public.forum_posts (category_id, created_at desc);
create index idx_forum_posts_category_id on public.forum_posts (category_id);
create index idx_forum_posts_content_search on public.forum_posts using gin (to_tsvector('english', content));
create index idx_forum_posts_created on public.forum_posts (created_at desc);
create index idx_forum_posts_created_at on public.forum_posts (created_at desc);
create index idx_forum_posts_creator_id on public.forum_posts (creator_id);
create index idx_forum_posts_pinned on public.forum_posts (is_pinned desc, last_reply_at desc);
create index idx_forum_posts_pinned_created on public.forum_posts (is_pinned desc, created_at desc);
create index idx_forum_posts_tagged_product on public.forum_posts (tagged_product_id);
create index idx_forum_posts_title_search on public.forum_posts using gin (to_tsvector('english', title));
create index idx_forum_posts_user on public.forum_posts (user_id);
create index idx_forum_posts_user_id on public.forum_posts (user_id);

create table public.forum_replies (
  id uuid primary key default gen_random_uuid(),
  post_id uuid not null references public.forum_posts on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  content text not null,
  is_solution boolean default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  media_urls text[] default '{}'
);
alter table public.forum_replies enable row level security;
create index idx_forum_replies_created on public.forum_replies (created_at);
create index idx_forum_replies_created_at on public.forum_replies (created_at);
create index idx_forum_replies_post on public.forum_replies (post_id);
create index idx_forum_replies_post_id on public.forum_replies (post_id);
create index idx_forum_replies_user on public.forum_replies (user_id);
create index idx_forum_replies_user_id on public.forum_replies (user_id);

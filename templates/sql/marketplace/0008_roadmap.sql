-- Roadmaps, suggestions, changelogs.
set local role postgres;

create table public.roadmap_versions (
  id uuid primary key default gen_random_uuid(),
  creator_id uuid not null references auth.users on delete cascade,
  version_name text not null,
  status text not null default 'backlog',
  description text,
  sort_order integer default 0,
  is_expanded boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  status_changed_at timestamptz default now(),
  product_id uuid references public.products on delete cascade
);
alter table public.roadmap_versions enable row level security;
create index idx_roadmap_versions_creator on public.roadmap_versions (creator_id);
create index idx_roadmap_versions_product_id on public.roadmap_versions (product_id);

create table public.roadmap_items (
  id uuid primary key default gen_random_uuid(),
  version_id uuid not null references public.roadmap_versions on delete cascade,
  creator_id uuid not null references auth.users on delete cascade,
  title text not null,
  description text,
  status text not null default 'backlog',
  sort_order integer default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  status_changed_at timestamptz default now(),
  product_id uuid references public.products on delete cascade,
  voting_enabled boolean default true
);
alter table public.roadmap_items enable row level security;
create index idx_roadmap_items_created_at on public.roadmap_items (created_at desc);
create index idx_roadmap_items_creator on public.roadmap_items (creator_id);
create index idx_roadmap_items_product_id on public.roadmap_items (product_id);
create index idx_roadmap_items_status on public.roadmap_items (status);
create index idx_roadmap_items_version on public.roadmap_items (version_id);

create table public.roadmap_item_votes (
  id uuid primary key default gen_random_uuid(),
  item_id uuid not null references public.roadmap_items on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  created_at timestamptz default now(),
  unique (item_id, user_id)
);
alter table public.roadmap_item_votes enable row level security;
create index idx_votes_item on public.roadmap_item_votes (item_id);
create index idx_votes_user on public.roadmap_item_votes (user_id);

create table public.roadmap_suggestions (
  id uuid primary key default gen_random_uuid(),
  creator_id uuid not null references auth.users on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  version_id uuid references public.roadmap_versions on delete set null,
  title text not null,
  description text,
  status text not null default 'pending',
  upvotes integer default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  forum_status text default 'open',
  status_changed_at timestamptz
);
alter table public.roadmap_suggestions enable row level security;
create index idx_roadmap_suggestions_creator on public.roadmap_suggestions (creator_id);
create index idx_roadmap_suggestions_user on public.roadmap_suggestions (user_id);

create table public.roadmap_suggestion_replies (
  id uuid primary key default gen_random_uuid(),
  suggestion_id uuid not null references public.roadmap_suggestions on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  content text not null,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.roadmap_suggestion_replies enable row level security;
create index idx_replies_created on public.roadmap_suggestion_replies (created_at);
create index idx_replies_suggestion on public.roadmap_suggestion_replies (suggestion_id);
create index idx_replies_user on public.roadmap_suggestion_replies (user_id);

create table public.roadmap_suggestion_upvotes (
  id uuid primary key default gen_random_uuid(),
  suggestion_id uuid not null references public.roadmap_suggestions on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  created_at timestamptz default now(),
  unique (suggestion_id, user_id)
);
alter table public.roadmap_suggestion_upvotes enable row level security;

create table public.changelogs (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products on delete cascade,
  version_id uuid references public.roadmap_versions on delete set null,
  version_name text not null,
  title text,
  content text,
  release_date timestamptz default now(),
  is_published boolean default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
alter table public.changelogs enable row level security;
create index idx_changelogs_product on public.changelogs (product_id);
create index idx_changelogs_published on public.changelogs (is_published, release_date desc);

-- Roles, follows, affiliates: what the frontend and the policies call.
set local role postgres;

create function public.is_admin() returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select 1 from user_roles where user_id = auth.uid() and role = 'admin');
$$;

create function public.has_role(_user_id uuid, _role public.user_role) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select 1 from user_roles where user_id = _user_id and role = _role);
$$;

create function public.is_following(p_follower_id uuid, p_creator_id uuid) returns boolean
language plpgsql set search_path = public as $$
begin
  return exists (select 1 from follows where follower_id = p_follower_id and following_id = p_creator_id);
end;
$$;

create function public.follow_creator(p_follower_id uuid, p_creator_id uuid) returns void
language plpgsql set search_path = public as $$
begin
  insert into follows (follower_id, following_id) values (p_follower_id, p_creator_id)
  on conflict (follower_id, following_id) do nothing;
end;
$$;

create function public.unfollow_creator(p_follower_id uuid, p_creator_id uuid) returns void
language plpgsql set search_path = public as $$
begin
  delete from follows where follower_id = p_follower_id and following_id = p_creator_id;
end;
$$;

create function public.get_followed_creators(p_user_id uuid)
returns table (creator_id uuid, display_name text, avatar_url text, followed_at timestamptz)
language plpgsql set search_path = public as $$
begin
  return query
  select f.following_id, p.display_name, p.avatar_url, f.created_at
  from follows f
  join profiles p on p.user_id = f.following_id
  where f.follower_id = p_user_id
  order by f.created_at desc;
end;
$$;

create function public.get_user_feed(p_user_id uuid, p_limit integer default 20)
returns table (
  product_id uuid, title text, description text, price numeric, image_url text,
  creator_id uuid, creator_name text, created_at timestamptz
)
language plpgsql set search_path = public as $$
begin
  return query
  select pr.id, pr.title, pr.description, pr.price, pr.image_url, pr.creator_id, p.display_name, pr.created_at
  from products pr
  join follows f on f.following_id = pr.creator_id
  join profiles p on p.user_id = pr.creator_id
  where f.follower_id = p_user_id
  order by pr.created_at desc
  limit p_limit;
end;
$$;

create function public.generate_affiliate_code() returns text
language plpgsql as $$
begin
  return lower(substring(md5(random()::text) from 1 for 8));
end;
$$;

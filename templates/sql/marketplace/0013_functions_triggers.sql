-- Functions that triggers call. Each changes other rows than the one written: fired while loading, they ruin the copy.
set local role postgres;

create function public.update_updated_at_column() returns trigger
language plpgsql set search_path = public as $$
begin
  new.updated_at = now();
  return new;
end;
$$;

create function public.update_status_changed_at() returns trigger
language plpgsql as $$
begin
  if new.status is distinct from old.status then
    new.status_changed_at = now();
  end if;
  return new;
end;
$$;

create function public.ensure_single_current_version() returns trigger
language plpgsql as $$
begin
  if new.is_current = true then
    update product_versions set is_current = false
    where product_id = new.product_id and id != new.id and is_current = true;
  end if;
  return new;
end;
$$;

create function public.update_store_stats() returns trigger
language plpgsql set search_path = public as $$
begin
  if new.status = 'completed' and new.store_id is not null then
    update stores
    set total_sales = total_sales + 1,
        total_earnings = total_earnings + new.seller_amount
    where id = new.store_id;
  end if;
  return new;
end;
$$;

create function public.update_forum_post_reply_count() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    update forum_posts
    set reply_count = reply_count + 1, last_reply_at = new.created_at, last_reply_user_id = new.user_id
    where id = new.post_id;
    return new;
  elsif tg_op = 'DELETE' then
    update forum_posts set reply_count = greatest(reply_count - 1, 0) where id = old.post_id;
    return old;
  end if;
  return null;
end;
$$;

create function public.update_suggestion_upvotes() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    update roadmap_suggestions set upvotes = upvotes + 1 where id = new.suggestion_id;
    return new;
  elsif tg_op = 'DELETE' then
    update roadmap_suggestions set upvotes = greatest(upvotes - 1, 0) where id = old.suggestion_id;
    return old;
  end if;
  return null;
end;
$$;

create function public.handle_new_user() returns trigger
language plpgsql security definer as $$
begin
  insert into public.profiles (user_id, display_name)
  values (
    new.id,
    coalesce(
      new.raw_user_meta_data ->> 'display_name',
      new.raw_user_meta_data ->> 'full_name',
      new.raw_user_meta_data ->> 'name',
      split_part(new.email, '@', 1)
    )
  )
  on conflict (user_id) do nothing;
  return new;
end;
$$;

create function public.create_developer_defaults() returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into developer_subscriptions (developer_id, tier) values (new.id, 'free')
  on conflict (developer_id) do nothing;
  insert into obfuscation_credits (developer_id, credits) values (new.id, 0)
  on conflict (developer_id) do nothing;
  return new;
exception when others then
  raise warning 'developer defaults of % not created: %', new.id, sqlerrm;
  return new;
end;
$$;

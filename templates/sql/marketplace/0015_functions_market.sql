-- Products, licences, discounts, commissions, roadmap counts.
set local role postgres;

create function public.increment_downloads(product_id uuid) returns void
language plpgsql set search_path = public as $$
begin
  update products set downloads = downloads + 1 where id = increment_downloads.product_id;
end;
$$;

create function public.get_product_average_rating(product_uuid uuid) returns numeric
language plpgsql stable as $$
begin
  return (select coalesce(avg(rating), 0) from product_reviews where product_id = product_uuid);
end;
$$;

create function public.get_product_review_count(product_uuid uuid) returns integer
language plpgsql stable as $$
begin
  return (select count(*)::integer from product_reviews where product_id = product_uuid);
end;
$$;

-- Four groups of four, without the characters people mix up (0 O 1 I).
create function public.generate_license_key() returns text
language plpgsql as $$
declare
  chars constant text := 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  result text := '';
begin
  for i in 1..16 loop
    if i > 1 and i % 4 = 1 then
      result := result || '-';
    end if;
    result := result || substr(chars, floor(random() * length(chars))::integer + 1, 1);
  end loop;
  return result;
end;
$$;

create function public.validate_discount_code(
  p_code text, p_creator_id uuid, p_product_id uuid default null, p_total numeric default 0
)
returns table (
  valid boolean, discount_id uuid, discount_type text, discount_value numeric, max_discount numeric, error_message text
)
language plpgsql stable as $$
declare
  found_code public.discount_codes%rowtype;
  problem text;
begin
  select * into found_code from discount_codes dc
  where dc.code = upper(p_code) and dc.creator_id = p_creator_id and dc.is_active = true;

  problem := case
    when found_code.id is null then 'Invalid discount code'
    when found_code.expires_at is not null and found_code.expires_at < now() then 'This code has expired'
    when found_code.usage_limit is not null and found_code.usage_count >= found_code.usage_limit
      then 'This code has reached its usage limit'
    when found_code.min_purchase is not null and p_total < found_code.min_purchase
      then 'Minimum purchase of ' || found_code.min_purchase || ' required'
    when p_product_id is not null and cardinality(found_code.product_ids) > 0
      and not p_product_id = any (found_code.product_ids) then 'This code does not apply to this product'
  end;

  if problem is not null then
    return query select false, null::uuid, null::text, null::numeric, null::numeric, problem;
  else
    return query select true, found_code.id, found_code.discount_type, found_code.discount_value,
      found_code.max_discount, null::text;
  end if;
end;
$$;

-- A fraction. An older version answered 5.00, a percentage: rows written by it are still there.
create function public.get_store_commission_rate(p_store_id uuid) returns numeric
language plpgsql set search_path = public as $$
declare
  rate numeric;
begin
  select custom_rate into rate from commission_overrides
  where store_id = p_store_id and (is_permanent = true or expires_at is null or expires_at > now())
  order by created_at desc
  limit 1;
  return coalesce(rate, 0.10);
end;
$$;

create function public.cleanup_expired_commission_overrides() returns void
language plpgsql set search_path = public as $$
begin
  delete from commission_overrides where expires_at is not null and expires_at < now();
end;
$$;

create function public.get_roadmap_item_vote_count(item_uuid uuid) returns integer
language plpgsql stable as $$
begin
  return (select count(*)::integer from roadmap_item_votes where item_id = item_uuid);
end;
$$;

create function public.user_has_voted_on_item(item_uuid uuid, user_uuid uuid) returns boolean
language plpgsql stable as $$
begin
  return exists (select 1 from roadmap_item_votes where item_id = item_uuid and user_id = user_uuid);
end;
$$;

create function public.get_suggestion_reply_count(suggestion_uuid uuid) returns integer
language plpgsql stable as $$
begin
  return (select count(*)::integer from roadmap_suggestion_replies where suggestion_id = suggestion_uuid);
end;
$$;

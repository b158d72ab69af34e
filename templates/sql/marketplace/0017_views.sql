set local role postgres;

create view public.seller_fees_summary with (security_invoker = true) as
select
  p.user_id as seller_id,
  p.display_name as seller_name,
  count(t.id) as total_transactions,
  coalesce(sum(t.platform_fee), 0) as total_platform_fees,
  coalesce(sum(t.seller_amount), 0) as total_seller_earnings
from public.profiles p
left join public.products pr on pr.creator_id = p.user_id
left join public.payment_transactions t on t.product_id = pr.id and t.status = 'completed'
group by p.user_id, p.display_name;

-- Owner's rights: row policies do not apply, and the Payhip key is in clear. A leak, kept as it is in the source.
create view public.bot_products_display as
select
  id, server_id, name, roblox_group_id, payhip_api_key, role_id, redemption_message,
  case
    when roblox_api_key_encrypted is null then null
    else left(public.decrypt_roblox_api_key(roblox_api_key_encrypted), 8) || '...'
      || right(public.decrypt_roblox_api_key(roblox_api_key_encrypted), 4)
  end as roblox_api_key_masked,
  roblox_api_key_encrypted is not null as has_roblox_api_key,
  created_at, updated_at
from public.bot_products;

grant select on public.bot_products_display to anon, authenticated;

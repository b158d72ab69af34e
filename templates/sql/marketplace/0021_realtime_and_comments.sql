set local role postgres;

alter publication supabase_realtime add table public.products, public.sales, public.visitor_sessions;

comment on table public.profiles is 'One row for each user; made by a trigger on auth.users';
comment on table public.bot_config is 'Settings of the bot. Holds its token: not for anon';
comment on column public.bot_products.roblox_api_key_encrypted is 'pgp_sym_encrypt; see encrypt_roblox_api_key';
comment on column public.sales.amount is E'In the currency of the row, "gross".\nIt''s before fees';
comment on function public.get_store_commission_rate(uuid) is 'A fraction since 2026; it was a percentage before';
comment on policy products_select on public.products is 'The shop window is public';
comment on index public.idx_products_title_search is 'Search box';
comment on type public.user_role is 'Roles of the site, not of the database';
comment on constraint sales_seller_id_fkey on public.sales is 'No action: a seller with sales cannot be deleted';
comment on trigger update_store_stats_trigger on public.payment_transactions is 'Counts completed sales';
comment on view public.bot_products_display is 'Keys masked for the dashboard';

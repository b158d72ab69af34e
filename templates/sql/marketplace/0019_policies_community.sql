-- Row policies, second half. The bot tables are open to anon on purpose: a move must reproduce that, then offer to close it.
set local role postgres;

create policy "Anyone can view forum settings" on public.forum_settings for select using (true);
create policy "Creators can manage their forum settings" on public.forum_settings using (auth.uid() = creator_id);

create policy "Anyone can view active forum categories" on public.forum_categories for select
  using (is_active = true or auth.uid() = creator_id);
create policy "Creators can manage their forum categories" on public.forum_categories using (auth.uid() = creator_id);

create policy "Anyone can view forum posts" on public.forum_posts for select using (true);
create policy "Logged in users can create posts" on public.forum_posts for insert with check (auth.uid() = user_id);
create policy "Users and creators can delete posts" on public.forum_posts for delete
  using (auth.uid() = user_id or auth.uid() = creator_id);
create policy "Users can update their own posts" on public.forum_posts for update
  using (auth.uid() = user_id or auth.uid() = creator_id);

create policy "Anyone can view forum replies" on public.forum_replies for select using (true);
create policy "Logged in users can create replies" on public.forum_replies for insert with check (auth.uid() = user_id);
create policy "Users and creators can delete replies" on public.forum_replies for delete
  using (auth.uid() = user_id
    or exists (
    select 1 from public.forum_posts fp
    where fp.id = forum_replies.post_id and fp.creator_id = auth.uid()));
create policy "Users can update their own replies" on public.forum_replies for update using (auth.uid() = user_id);

create policy "Anyone can view roadmap versions" on public.roadmap_versions for select using (true);
create policy "Creators can manage their roadmap versions" on public.roadmap_versions using (auth.uid() = creator_id);

create policy "Anyone can view roadmap items" on public.roadmap_items for select using (true);
create policy "Creators can manage their roadmap items" on public.roadmap_items using (auth.uid() = creator_id);

create policy "Anyone can view votes" on public.roadmap_item_votes for select using (true);
create policy "Logged in users can vote" on public.roadmap_item_votes for insert with check (auth.uid() = user_id);
create policy "Users can remove their own votes" on public.roadmap_item_votes for delete using (auth.uid() = user_id);

create policy "Anyone can view suggestions" on public.roadmap_suggestions for select using (true);
create policy "Creators can delete suggestions on their roadmap" on public.roadmap_suggestions for delete
  using (auth.uid() = creator_id);
create policy "Logged in users can create suggestions" on public.roadmap_suggestions for insert
  with check (auth.uid() = user_id);
create policy "Users can update their own suggestions" on public.roadmap_suggestions for update
  using (auth.uid() = user_id or auth.uid() = creator_id);

create policy "Anyone can view suggestion replies" on public.roadmap_suggestion_replies for select using (true);
create policy "Logged in users can reply to suggestions" on public.roadmap_suggestion_replies for insert
  with check (auth.uid() = user_id);
create policy "Users and creators can delete replies" on public.roadmap_suggestion_replies for delete
  using (auth.uid() = user_id
    or exists (
    select 1 from public.roadmap_suggestions rs
    where rs.id = roadmap_suggestion_replies.suggestion_id and rs.creator_id = auth.uid()));
create policy "Users can update their own replies" on public.roadmap_suggestion_replies for update
  using (auth.uid() = user_id);

create policy "Anyone can view upvotes" on public.roadmap_suggestion_upvotes for select using (true);
create policy "Logged in users can upvote" on public.roadmap_suggestion_upvotes for insert
  with check (auth.uid() = user_id);
create policy "Users can remove their upvote" on public.roadmap_suggestion_upvotes for delete
  using (auth.uid() = user_id);

create policy "Anyone can view published changelogs" on public.changelogs for select
  using (is_published = true
    or exists (
    select 1 from public.products p
    where p.id = changelogs.product_id and p.creator_id = auth.uid()));
create policy "Creators can manage changelogs" on public.changelogs
  using (exists (select 1 from public.products p where p.id = changelogs.product_id and p.creator_id = auth.uid()));

create policy "Allow all operations on discord_servers" on public.discord_servers using (true) with check (true);
create policy "Allow server deletes" on public.discord_servers for delete using (true);
create policy "Allow server reads" on public.discord_servers for select using (true);
create policy "Allow server registration" on public.discord_servers for insert with check (true);
create policy "Allow server updates" on public.discord_servers for update using (true) with check (true);
create policy "Authenticated users can update servers" on public.discord_servers for update
  using (auth.uid() is not null);
create policy "Service role can manage servers" on public.discord_servers to service_role
  using (true)
  with check (true);
create policy discord_servers_insert_auth on public.discord_servers for insert
  with check ((select auth.uid()) is not null);
create policy discord_servers_select_own on public.discord_servers for select
  using ((select auth.uid()) = user_id or owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())));
create policy discord_servers_update_own on public.discord_servers for update
  using ((select auth.uid()) = user_id or owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())));

create policy "Allow all operations on bot_products" on public.bot_products using (true) with check (true);
create policy "Anyone can delete products" on public.bot_products for delete using (true);
create policy "Anyone can insert products" on public.bot_products for insert with check (true);
create policy "Anyone can update products" on public.bot_products for update using (true);
create policy "Anyone can view products" on public.bot_products for select using (true);
create policy bot_products_all on public.bot_products using (true) with check (true);
create policy bot_products_delete_own on public.bot_products for delete
  using (exists (
    select 1 from public.discord_servers ds
    where ds.id = bot_products.server_id and (ds.user_id = (select auth.uid())
      or ds.owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())))));
create policy bot_products_insert_own on public.bot_products for insert
  with check (exists (
    select 1 from public.discord_servers ds
    where ds.id = bot_products.server_id and (ds.user_id = (select auth.uid())
      or ds.owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())))));
create policy bot_products_select_own on public.bot_products for select
  using (exists (
    select 1 from public.discord_servers ds
    where ds.id = bot_products.server_id and (ds.user_id = (select auth.uid())
      or ds.owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())))));
create policy bot_products_update_own on public.bot_products for update
  using (exists (
    select 1 from public.discord_servers ds
    where ds.id = bot_products.server_id and (ds.user_id = (select auth.uid())
      or ds.owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())))));

create policy "Allow all operations on bot_whitelisted_users" on public.bot_whitelisted_users
  using (true)
  with check (true);
create policy "Users can add whitelisted users to their products" on public.bot_whitelisted_users for insert
  with check (exists (
    select 1 from public.bot_products bp join public.discord_servers ds on ds.id = bp.server_id
    where bp.id = bot_whitelisted_users.product_id and ds.user_id = auth.uid()));
create policy "Users can delete whitelisted users from their products" on public.bot_whitelisted_users for delete
  using (exists (
    select 1 from public.bot_products bp join public.discord_servers ds on ds.id = bp.server_id
    where bp.id = bot_whitelisted_users.product_id and ds.user_id = auth.uid()));
create policy "Users can update whitelisted users in their products" on public.bot_whitelisted_users for update
  using (exists (
    select 1 from public.bot_products bp join public.discord_servers ds on ds.id = bp.server_id
    where bp.id = bot_whitelisted_users.product_id and ds.user_id = auth.uid()));
create policy bot_whitelisted_users_all on public.bot_whitelisted_users using (true) with check (true);
create policy bot_whitelisted_users_delete_own on public.bot_whitelisted_users for delete
  using (exists (
    select 1 from public.bot_products bp join public.discord_servers ds on ds.id = bp.server_id
    where bp.id = bot_whitelisted_users.product_id and (ds.user_id = (select auth.uid())
      or ds.owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())))));
create policy bot_whitelisted_users_insert_service on public.bot_whitelisted_users for insert
  with check ((select auth.uid()) is not null);
create policy bot_whitelisted_users_select_own on public.bot_whitelisted_users for select
  using (exists (
    select 1 from public.bot_products bp join public.discord_servers ds on ds.id = bp.server_id
    where bp.id = bot_whitelisted_users.product_id and (ds.user_id = (select auth.uid())
      or ds.owner_id = (select p.discord_id from public.profiles p where p.user_id = (select auth.uid())))));

create policy "Anyone can manage permissions" on public.bot_command_permissions using (true) with check (true);
create policy "Anyone can view permissions" on public.bot_command_permissions for select using (true);
create policy bot_command_permissions_all on public.bot_command_permissions using (true) with check (true);

create policy "Anyone can read config" on public.bot_config for select using (true);
create policy "Service role can write config" on public.bot_config using (auth.role() = 'service_role');

create policy whitelist_systems_owner on public.whitelist_systems using ((select auth.uid()) = user_id);

create policy whitelist_users_owner on public.whitelist_users
  using (exists (
    select 1 from public.whitelist_systems ws
    where ws.id = whitelist_users.whitelist_id and ws.user_id = (select auth.uid())));

create policy api_keys_owner on public.api_keys using ((select auth.uid()) = user_id);

create policy "Users can create own api keys" on public.developer_api_keys for insert to authenticated
  with check (auth.uid() = developer_id);
create policy "Users can delete own api keys" on public.developer_api_keys for delete to authenticated
  using (auth.uid() = developer_id);
create policy "Users can update own api keys" on public.developer_api_keys for update to authenticated
  using (auth.uid() = developer_id);
create policy "Users can view own api keys" on public.developer_api_keys for select to authenticated
  using (auth.uid() = developer_id);

create policy "Users can view own subscription" on public.developer_subscriptions for select to authenticated
  using (auth.uid() = developer_id);

create policy "Allow all operations on developer_products" on public.developer_products using (true) with check (true);
create policy "Public can read products for verification" on public.developer_products for select to anon using (true);
create policy "Users can create own products" on public.developer_products for insert to authenticated
  with check (auth.uid() = developer_id);
create policy "Users can delete own products" on public.developer_products for delete to authenticated
  using (auth.uid() = developer_id);
create policy "Users can update own products" on public.developer_products for update to authenticated
  using (auth.uid() = developer_id);
create policy "Users can view own products" on public.developer_products for select to authenticated
  using (auth.uid() = developer_id);

create policy "Allow all operations on whitelist_entries" on public.whitelist_entries using (true) with check (true);
create policy "Public can verify whitelist status" on public.whitelist_entries for select to anon using (true);
create policy "Users can add to whitelist for own products" on public.whitelist_entries for insert to authenticated
  with check (exists (
    select 1 from public.developer_products dp
    where dp.id = whitelist_entries.product_id and dp.developer_id = auth.uid()));
create policy "Users can delete from whitelist for own products" on public.whitelist_entries for delete to authenticated
  using (exists (
    select 1 from public.developer_products dp
    where dp.id = whitelist_entries.product_id and dp.developer_id = auth.uid()));
create policy "Users can update whitelist for own products" on public.whitelist_entries for update to authenticated
  using (exists (
    select 1 from public.developer_products dp
    where dp.id = whitelist_entries.product_id and dp.developer_id = auth.uid()));
create policy "Users can view whitelist for own products" on public.whitelist_entries for select to authenticated
  using (exists (
    select 1 from public.developer_products dp
    where dp.id = whitelist_entries.product_id and dp.developer_id = auth.uid()));

create policy "Users can update own credits" on public.obfuscation_credits for update to authenticated
  using (auth.uid() = developer_id)
  with check (auth.uid() = developer_id);
create policy "Users can view own credits" on public.obfuscation_credits for select to authenticated
  using (auth.uid() = developer_id);

create policy "Service role can insert obfuscation usage" on public.obfuscation_usage for insert to service_role
  with check (true);
create policy "Users can view own obfuscation usage" on public.obfuscation_usage for select to authenticated
  using (auth.uid() = developer_id);

create policy "Users can view own api logs" on public.api_request_logs for select to authenticated
  using (auth.uid() = developer_id);

create policy vs_insert on public.visitor_sessions for insert with check (true);
create policy vs_select on public.visitor_sessions for select using ((select auth.role()) = 'authenticated');
create policy vs_update on public.visitor_sessions for update using (true) with check (true);

create policy pv_insert on public.page_views for insert with check (true);
create policy pv_select on public.page_views for select using ((select auth.role()) = 'authenticated');

create policy "Authenticated can read analytics_daily" on public.analytics_daily for select
  using (auth.role() in ('authenticated', 'service_role'));

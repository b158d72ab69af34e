-- Row policies, with every overlap and hole of the project this is shaped after: duplicates, inserts open to anyone.
set local role postgres;

create policy profiles_insert on public.profiles for insert with check ((select auth.uid()) = user_id);
create policy profiles_insert_own on public.profiles for insert with check ((select auth.uid()) = user_id);
create policy profiles_select on public.profiles for select using (true);
create policy profiles_select_own on public.profiles for select using ((select auth.uid()) = user_id);
create policy profiles_update on public.profiles for update using ((select auth.uid()) = user_id);
create policy profiles_update_own on public.profiles for update using ((select auth.uid()) = user_id);

create policy user_roles_admin_delete on public.user_roles for delete using (public.is_admin());
create policy user_roles_admin_insert on public.user_roles for insert with check (public.is_admin());
create policy user_roles_admin_update on public.user_roles for update using (public.is_admin());
create policy user_roles_select on public.user_roles for select using ((select auth.uid()) = user_id);

create policy follows_create on public.follows for insert with check ((select auth.uid()) = follower_id);
create policy follows_remove on public.follows for delete using ((select auth.uid()) = follower_id);
create policy follows_select on public.follows for select using (true);

create policy announcements_admin_delete on public.announcements for delete
  using (exists (select 1 from public.user_roles ur where ur.user_id = (select auth.uid()) and ur.role = 'admin'));
create policy announcements_admin_insert on public.announcements for insert
  with check (exists (select 1 from public.user_roles ur where ur.user_id = (select auth.uid()) and ur.role = 'admin'));
create policy announcements_admin_update on public.announcements for update
  using (exists (select 1 from public.user_roles ur where ur.user_id = (select auth.uid()) and ur.role = 'admin'));
create policy announcements_select on public.announcements for select using (true);

create policy audit_log_no_public_access on public.security_audit_log using (false);

create policy stores_create on public.stores for insert with check ((select auth.uid()) = user_id);
create policy stores_edit on public.stores for update using ((select auth.uid()) = user_id);
create policy stores_view on public.stores for select using (true);

create policy "Creators can update product roadmap settings" on public.products for update
  using (auth.uid() = creator_id)
  with check (auth.uid() = creator_id);
create policy products_delete on public.products for delete using ((select auth.uid()) = creator_id);
create policy products_delete_own on public.products for delete using ((select auth.uid()) = creator_id);
create policy products_insert on public.products for insert with check ((select auth.uid()) = creator_id);
create policy products_insert_own on public.products for insert with check ((select auth.uid()) = creator_id);
create policy products_select on public.products for select using (true);
create policy products_select_public on public.products for select using (true);
create policy products_update on public.products for update using ((select auth.uid()) = creator_id);
create policy products_update_own on public.products for update using ((select auth.uid()) = creator_id);

create policy "Buyers and creators can view versions" on public.product_versions for select
  using (exists (
    select 1 from public.products p
    where p.id = product_versions.product_id and p.creator_id = auth.uid())
    or exists (
    select 1 from public.sales s
    where s.product_id = product_versions.product_id and s.buyer_id = auth.uid()));
create policy "Creators can manage versions" on public.product_versions
  using (exists (
    select 1 from public.products p
    where p.id = product_versions.product_id and p.creator_id = auth.uid()));

create policy "Anyone can view reviews" on public.product_reviews for select using (true);
create policy "Buyers can create reviews" on public.product_reviews for insert
  with check (auth.uid() = user_id and exists (
    select 1 from public.sales s
    where s.product_id = product_reviews.product_id and s.buyer_id = auth.uid()));
create policy "Users can delete their own reviews" on public.product_reviews for delete using (auth.uid() = user_id);
create policy "Users can update their own reviews" on public.product_reviews for update using (auth.uid() = user_id);

create policy "Anyone can view active bundles" on public.product_bundles for select
  using (is_active = true or auth.uid() = creator_id);
create policy "Creators can manage their bundles" on public.product_bundles using (auth.uid() = creator_id);

create policy product_collections_owner_delete on public.product_collections for delete
  using ((select auth.uid()) = user_id);
create policy product_collections_owner_insert on public.product_collections for insert
  with check ((select auth.uid()) = user_id);
create policy product_collections_owner_update on public.product_collections for update
  using ((select auth.uid()) = user_id);
create policy product_collections_select on public.product_collections for select using (true);

create policy collection_products_owner_delete on public.collection_products for delete
  using (exists (
    select 1 from public.product_collections pc
    where pc.id = collection_products.collection_id and pc.user_id = (select auth.uid())));
create policy collection_products_owner_insert on public.collection_products for insert
  with check (exists (
    select 1 from public.product_collections pc
    where pc.id = collection_products.collection_id and pc.user_id = (select auth.uid())));
create policy collection_products_owner_update on public.collection_products for update
  using (exists (
    select 1 from public.product_collections pc
    where pc.id = collection_products.collection_id and pc.user_id = (select auth.uid())));
create policy collection_products_select on public.collection_products for select using (true);

create policy store_products_owner_delete on public.store_products for delete
  using (exists (
    select 1 from public.stores s
    where s.id = store_products.store_id and s.user_id = (select auth.uid())));
create policy store_products_owner_insert on public.store_products for insert
  with check (exists (
    select 1 from public.stores s
    where s.id = store_products.store_id and s.user_id = (select auth.uid())));
create policy store_products_owner_update on public.store_products for update
  using (exists (
    select 1 from public.stores s
    where s.id = store_products.store_id and s.user_id = (select auth.uid())));
create policy store_products_select on public.store_products for select using (true);

create policy page_sections_owner on public.page_sections using ((select auth.uid()) = user_id);

create policy "Users can manage their own preferences" on public.notification_preferences using (auth.uid() = user_id);
create policy "Users can view their own preferences" on public.notification_preferences for select
  using (auth.uid() = user_id);

create policy "Creators can view download events for their products" on public.download_events for select
  using (exists (select 1 from public.products p where p.id = download_events.product_id and p.creator_id = auth.uid()));
create policy "System can insert download events" on public.download_events for insert with check (true);

create policy commission_overrides_admin_delete on public.commission_overrides for delete
  using (exists (select 1 from public.user_roles ur where ur.user_id = (select auth.uid()) and ur.role = 'admin'));
create policy commission_overrides_admin_insert on public.commission_overrides for insert
  with check (exists (select 1 from public.user_roles ur where ur.user_id = (select auth.uid()) and ur.role = 'admin'));
create policy commission_overrides_admin_update on public.commission_overrides for update
  using (exists (select 1 from public.user_roles ur where ur.user_id = (select auth.uid()) and ur.role = 'admin'));
create policy commission_overrides_select on public.commission_overrides for select
  using (exists (
    select 1 from public.stores s
    where s.id = commission_overrides.store_id and s.user_id = (select auth.uid()))
    or exists (
    select 1 from public.user_roles ur
    where ur.user_id = (select auth.uid()) and ur.role = 'admin'));

create policy "Sales can be inserted" on public.sales for insert with check (true);
create policy "Sales can be updated by service role" on public.sales for update
  using (auth.role() = 'service_role')
  with check (auth.role() = 'service_role');
create policy "Sales viewable by buyers sellers and creators" on public.sales for select
  using (auth.uid() = buyer_id or auth.uid() = seller_id
    or exists (
    select 1 from public.products p
    where p.id = sales.product_id and p.creator_id = auth.uid()) or auth.role() = 'service_role');
create policy sales_insert on public.sales for insert with check (true);
create policy sales_select_for_buyers_and_creators on public.sales for select
  using ((select auth.uid()) = buyer_id
    or exists (
    select 1 from public.products p
    where p.id = sales.product_id and p.creator_id = (select auth.uid())));

create policy "System can insert transactions" on public.payment_transactions for insert with check (true);
create policy payment_transactions_view on public.payment_transactions for select
  using ((select auth.uid()) = buyer_id or (select auth.uid()) = seller_id);

create policy platform_fees_owed_access on public.platform_fees_owed for select
  using ((select auth.uid()) = seller_id
    or exists (
    select 1 from public.user_roles ur
    where ur.user_id = (select auth.uid()) and ur.role = 'admin'));

create policy "Anyone can view active discount codes for validation" on public.discount_codes for select
  using (is_active = true);
create policy "Creators can manage their discount codes" on public.discount_codes using (auth.uid() = creator_id);

create policy "Creators can view usage of their codes" on public.discount_usage for select
  using (exists (
    select 1 from public.discount_codes dc
    where dc.id = discount_usage.code_id and dc.creator_id = auth.uid()));
create policy "System can insert usage records" on public.discount_usage for insert with check (true);

create policy "Creators can update licenses" on public.license_keys for update
  using (exists (select 1 from public.products p where p.id = license_keys.product_id and p.creator_id = auth.uid()));
create policy "System can create licenses" on public.license_keys for insert with check (true);
create policy "Users can view their own licenses" on public.license_keys for select
  using (auth.uid() = user_id
    or exists (
    select 1 from public.products p
    where p.id = license_keys.product_id and p.creator_id = auth.uid()));

create policy "License owners and creators can view activations" on public.license_activations for select
  using (exists (
    select 1 from public.license_keys lk join public.products p on p.id = lk.product_id
    where lk.id = license_activations.license_id and (lk.user_id = auth.uid() or p.creator_id = auth.uid())));
create policy "System can manage activations" on public.license_activations with check (true);

create policy "Users can create affiliate links" on public.affiliate_links for insert with check (auth.uid() = user_id);
create policy "Users can view their own affiliate links" on public.affiliate_links for select
  using (auth.uid() = user_id or auth.uid() = creator_id);
create policy affiliate_links_delete on public.affiliate_links for delete using ((select auth.uid()) = user_id);
create policy affiliate_links_insert on public.affiliate_links for insert with check ((select auth.uid()) = user_id);
create policy affiliate_links_select on public.affiliate_links for select using (true);
create policy affiliate_links_update on public.affiliate_links for update
  using ((select auth.uid()) = user_id or (select auth.uid()) = creator_id or (select auth.role()) = 'service_role');

create policy "Anyone can view enabled affiliate settings" on public.affiliate_settings for select
  using (is_enabled = true or auth.uid() = creator_id);
create policy "Creators can manage their affiliate settings" on public.affiliate_settings
  using (auth.uid() = creator_id);

create policy "Users can view their referrals" on public.affiliate_referrals for select
  using (exists (
    select 1 from public.affiliate_links al
    where al.id = affiliate_referrals.link_id and (al.user_id = auth.uid() or al.creator_id = auth.uid())));
create policy affiliate_referrals_insert on public.affiliate_referrals for insert with check (true);
create policy affiliate_referrals_select on public.affiliate_referrals for select
  using (exists (
    select 1 from public.affiliate_links al
    where al.id = affiliate_referrals.link_id and (al.user_id = (select auth.uid()) or al.creator_id = (select auth.uid()))));
create policy affiliate_referrals_update on public.affiliate_referrals for update using (true);

create policy "Allow anon update subscriptions" on public.newsletter_subscribers for update to anon, authenticated
  using (true)
  with check (true);
create policy newsletter_subscribers_add on public.newsletter_subscribers for insert with check (true);
create policy newsletter_subscribers_view on public.newsletter_subscribers for select
  using (exists (
    select 1 from public.stores s
    where s.id = newsletter_subscribers.store_id and s.user_id = (select auth.uid())));

create policy newsletter_campaigns_access on public.newsletter_campaigns
  using (exists (
    select 1 from public.stores s
    where s.id = newsletter_campaigns.store_id and s.user_id = (select auth.uid())));

create policy email_queue_deny on public.email_queue using (false);

-- Six of these fire on insert and damage what is loaded (counters, is_current, doubled totals): load with triggers off.
set local role postgres;

create trigger update_profiles_updated_at before update on public.profiles
  for each row execute function public.update_updated_at_column();
create trigger update_stores_updated_at before update on public.stores
  for each row execute function public.update_updated_at_column();
create trigger update_products_updated_at before update on public.products
  for each row execute function public.update_updated_at_column();
create trigger trigger_single_current_version before insert or update on public.product_versions
  for each row execute function public.ensure_single_current_version();
create trigger update_product_reviews_updated_at before update on public.product_reviews
  for each row execute function public.update_updated_at_column();
create trigger update_product_bundles_updated_at before update on public.product_bundles
  for each row execute function public.update_updated_at_column();
create trigger update_product_collections_updated_at before update on public.product_collections
  for each row execute function public.update_updated_at_column();
create trigger update_page_sections_updated_at before update on public.page_sections
  for each row execute function public.update_updated_at_column();
create trigger update_store_stats_trigger after insert on public.payment_transactions
  for each row when (new.status = 'completed') execute function public.update_store_stats();
create trigger update_affiliate_settings_updated_at before update on public.affiliate_settings
  for each row execute function public.update_updated_at_column();
create trigger update_forum_settings_updated_at before update on public.forum_settings
  for each row execute function public.update_updated_at_column();
create trigger update_forum_categories_updated_at before update on public.forum_categories
  for each row execute function public.update_updated_at_column();
create trigger update_forum_posts_updated_at before update on public.forum_posts
  for each row execute function public.update_updated_at_column();
create trigger trigger_update_forum_reply_count after insert or delete on public.forum_replies
  for each row execute function public.update_forum_post_reply_count();
create trigger update_forum_replies_updated_at before update on public.forum_replies
  for each row execute function public.update_updated_at_column();
create trigger trigger_versions_status_changed before update on public.roadmap_versions
  for each row execute function public.update_status_changed_at();
create trigger trigger_items_status_changed before update on public.roadmap_items
  for each row execute function public.update_status_changed_at();
create trigger update_roadmap_suggestion_replies_updated_at before update on public.roadmap_suggestion_replies
  for each row execute function public.update_updated_at_column();
create trigger trigger_update_suggestion_upvotes after insert or delete on public.roadmap_suggestion_upvotes
  for each row execute function public.update_suggestion_upvotes();
create trigger update_changelogs_updated_at before update on public.changelogs
  for each row execute function public.update_updated_at_column();
create trigger update_discord_servers_updated_at before update on public.discord_servers
  for each row execute function public.update_updated_at_column();
create trigger update_bot_products_updated_at before update on public.bot_products
  for each row execute function public.update_updated_at_column();
create trigger update_bot_command_permissions_updated_at before update on public.bot_command_permissions
  for each row execute function public.update_updated_at_column();
create trigger update_whitelist_systems_updated_at before update on public.whitelist_systems
  for each row execute function public.update_updated_at_column();
create trigger update_whitelist_users_updated_at before update on public.whitelist_users
  for each row execute function public.update_updated_at_column();

create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user();
create trigger on_auth_user_created_dev_defaults after insert on auth.users
  for each row execute function public.create_developer_defaults();

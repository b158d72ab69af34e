-- By a superuser: on a hosted project an extension lets `postgres` write policies on tables of storage.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types, created_at, updated_at)
select id, name, public, size, types::text[], '2025-09-26 08:00:00.123456+00', '2025-09-26 08:00:00.123456+00'
from (values
  ('product-images', 'product-images', true, 5242880, '{image/png,image/jpeg,image/webp}'),
  ('website-assets', 'website-assets', true, null, null),
  ('product-files', 'product-files', false, 52428800, null),
  ('forum-media', 'forum-media', true, 10485760, '{image/*,video/mp4}')
) as buckets (id, name, public, size, types);

create policy "Anyone can view website assets" on storage.objects for select
  using (bucket_id = 'website-assets');
create policy "Authenticated users can upload product images" on storage.objects for insert
  with check (bucket_id = 'product-images' and auth.uid() is not null);
create policy "Authenticated users can upload website assets" on storage.objects for insert
  with check (bucket_id = 'website-assets' and auth.role() = 'authenticated');
create policy "Product images are publicly accessible" on storage.objects for select
  using (bucket_id = 'product-images');
create policy "Users can delete their own website assets" on storage.objects for delete
  using (bucket_id = 'website-assets' and auth.uid()::text = (storage.foldername(name))[1]);
create policy "Users can update their own product images" on storage.objects for update
  using (bucket_id = 'product-images' and auth.uid() is not null);
create policy "Users can update their own website assets" on storage.objects for update
  using (bucket_id = 'website-assets' and auth.uid()::text = (storage.foldername(name))[1]);

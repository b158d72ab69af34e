-- Roblox keys under pgp. Two passphrases exist in the data: the database setting, and the constant below, which the
-- project this is shaped after published in its migrations. No function pins a search_path: they need `extensions`.
set local role postgres;

create function public.encrypt_roblox_api_key(api_key text) returns bytea
language plpgsql security definer as $$
declare
  passphrase text := coalesce(nullif(current_setting('app.roblox_encryption_key', true), ''), 'published-fallback-passphrase');
begin
  if api_key is null or api_key = '' then
    return null;
  end if;
  return pgp_sym_encrypt(api_key, passphrase);
end;
$$;

create function public.decrypt_roblox_api_key(encrypted_key bytea) returns text
language plpgsql security definer as $$
declare
  passphrase text := coalesce(nullif(current_setting('app.roblox_encryption_key', true), ''), 'published-fallback-passphrase');
begin
  if encrypted_key is null then
    return null;
  end if;
  return pgp_sym_decrypt(encrypted_key, passphrase);
exception when others then
  return null;
end;
$$;

create function public.encrypt_and_store_roblox_key(p_product_name text, p_server_id uuid, p_api_key text)
returns boolean
language plpgsql security definer as $$
begin
  update bot_products set roblox_api_key_encrypted = encrypt_roblox_api_key(p_api_key), updated_at = now()
  where name = p_product_name and server_id = p_server_id;
  return found;
end;
$$;

create function public.get_roblox_api_key(p_product_id uuid) returns text
language plpgsql security definer as $$
begin
  return (select decrypt_roblox_api_key(roblox_api_key_encrypted) from bot_products where id = p_product_id);
end;
$$;

create function public.save_default_roblox_api_key(p_api_key text) returns boolean
language plpgsql security definer as $$
begin
  update profiles set default_roblox_api_key_encrypted = encrypt_roblox_api_key(p_api_key)
  where user_id = auth.uid();
  return found;
end;
$$;

create function public.has_default_roblox_api_key() returns boolean
language plpgsql security definer as $$
begin
  return exists (
    select 1 from profiles where user_id = auth.uid() and default_roblox_api_key_encrypted is not null
  );
end;
$$;

create function public.use_default_roblox_api_key(p_product_id uuid) returns boolean
language plpgsql security definer as $$
declare
  encrypted bytea;
begin
  select default_roblox_api_key_encrypted into encrypted from profiles where user_id = auth.uid();
  if encrypted is null then
    return false;
  end if;
  update bot_products set roblox_api_key_encrypted = encrypted, updated_at = now() where id = p_product_id;
  return found;
end;
$$;

grant execute on function public.get_roblox_api_key(uuid) to anon, service_role;

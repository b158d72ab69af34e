-- One value: the same envelope as src/foundation/encryption/envelope.ts writes.

-- Texts as one text that no other list reads as: length in bytes, colon, text, comma.
create function vectabase.netstrings(variadic parts text[]) returns text
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  result text := '';
  part text;
begin
  foreach part in array parts loop
    result := result || octet_length(part) || ':' || part || ',';
  end loop;
  return result;
end
$$;

create function vectabase.to_base64url(bytes bytea) returns text
language sql immutable parallel safe
return translate(rtrim(replace(encode(bytes, 'base64'), e'\n', ''), '='), '+/', '-_');

create function vectabase.from_base64url(text text) returns bytea
language sql immutable parallel safe
return decode(translate(text, '-_', '+/') || repeat('=', -length(text) & 3), 'base64');

-- label: netstrings of schema, table and column; row_key: netstrings of the primary key
create function vectabase.seal(keys jsonb, label text, row_key text, plaintext bytea, indexed boolean) returns text
language plpgsql volatile set search_path = ''
as $$
declare
  id text := keys ->> 'active';
  index text := case when indexed then vectabase.index_of(keys, label, plaintext) else '' end;
begin
  return 'vt1.' || id || '.' || vectabase.to_base64url(vectabase.gcm_seal(
      decode(keys -> 'data' ->> id, 'hex'), extensions.gen_random_bytes(12), plaintext,
      convert_to('vt1.' || id || '.' || index || '.' || label || row_key, 'UTF8')))
    || case when indexed then '.' || index else '' end;
end
$$;

-- null when it is not an envelope that was made for this place
create function vectabase.unseal(keys jsonb, label text, row_key text, envelope text) returns bytea
language plpgsql immutable set search_path = ''
as $$
declare
  id text := split_part(envelope, '.', 2);
  encoded text := split_part(envelope, '.', 3);
  box bytea;
begin
  if envelope !~ '^vt1\.[a-z2-7]{8}\.[A-Za-z0-9_-]{38,}(\.[A-Za-z0-9_-]{22})?$' or length(encoded) % 4 = 1 then
    return null;
  end if;
  if keys -> 'data' -> id is null then
    raise exception using errcode = 'VT002', message = format('data key %s is not open in this transaction', id);
  end if;
  box := vectabase.from_base64url(encoded);
  if vectabase.to_base64url(box) <> encoded then
    return null;
  end if;
  return vectabase.gcm_open(decode(keys -> 'data' ->> id, 'hex'), box,
    convert_to('vt1.' || id || '.' || split_part(envelope, '.', 4) || '.' || label || row_key, 'UTF8'));
end
$$;

create function vectabase.index_of(keys jsonb, label text, plaintext bytea) returns text
language plpgsql immutable set search_path = ''
as $$
begin
  return vectabase.to_base64url(substr(extensions.hmac(plaintext,
    extensions.hmac(convert_to(label, 'UTF8') || '\x01'::bytea, decode(keys ->> 'index', 'hex'), 'sha256'), 'sha256'), 1, 16));
end
$$;

create function vectabase.policy_of(schema_name text, table_name text, column_name text)
returns vectabase.encrypted_columns
language plpgsql stable security definer set search_path = ''
as $$
declare
  found_one vectabase.encrypted_columns;
begin
  select * into found_one from vectabase.encrypted_columns c
    where (c.schema_name, c.table_name, c.column_name) = (policy_of.schema_name, policy_of.table_name, policy_of.column_name);
  if found_one is null then
    raise exception using errcode = 'VT003', message = format('%I.%I.%I is not an encrypted column', schema_name, table_name, column_name);
  end if;
  return found_one;
end
$$;

-- The three for SQL: of a column, for the row with that primary key. They want the keys open in the transaction.
create function vectabase.encrypt(value text, schema_name text, table_name text, column_name text, variadic row_key text[])
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  policy vectabase.encrypted_columns := vectabase.policy_of(schema_name, table_name, column_name);
begin
  return vectabase.seal(vectabase.session_keys(), vectabase.netstrings(schema_name, table_name, column_name),
    vectabase.netstrings(variadic row_key), convert_to(value, 'UTF8'), policy.blind_index);
end
$$;

create function vectabase.decrypt(envelope text, schema_name text, table_name text, column_name text, variadic row_key text[])
returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
  plaintext bytea;
begin
  if envelope is null then
    return null;
  end if;
  plaintext := vectabase.unseal(vectabase.session_keys(), vectabase.netstrings(schema_name, table_name, column_name),
    vectabase.netstrings(variadic row_key), envelope);
  if plaintext is null then
    raise exception using errcode = 'VT004',
      message = format('a value of %I.%I.%I is not one that was encrypted for this row', schema_name, table_name, column_name);
  end if;
  return convert_from(plaintext, 'UTF8');
end
$$;

-- bytea columns hold the bytes of the same text
create function vectabase.decrypt(envelope bytea, schema_name text, table_name text, column_name text, variadic row_key text[])
returns text
language sql stable
return vectabase.decrypt(convert_from(envelope, 'UTF8'), schema_name, table_name, column_name, variadic row_key);

create function vectabase.blind_index(value text, schema_name text, table_name text, column_name text) returns text
language plpgsql stable security definer set search_path = ''
as $$
begin
  return vectabase.index_of(vectabase.session_keys(), vectabase.netstrings(schema_name, table_name, column_name),
    convert_to(value, 'UTF8'));
end
$$;

do $rights$
declare
  each record;
begin
  -- public, because index expressions and inlined calls are evaluated as whoever asks; it takes a key to use them
  for each in
    select p.oid::regprocedure as signature, p.proname as name from pg_proc p
    where p.pronamespace = 'vectabase'::regnamespace
      and p.proname in ('seal', 'unseal', 'index_of', 'policy_of', 'encrypt', 'decrypt', 'blind_index')
  loop
    execute format('alter function %s owner to vectabase_keeper', each.signature);
    execute format('revoke all on function %s from public', each.signature);
    if each.name in ('encrypt', 'decrypt', 'blind_index') then
      execute format('grant execute on function %s to service_role, postgres', each.signature);
    end if;
  end loop;
end
$rights$;

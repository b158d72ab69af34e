-- How data keys come into a session, for one transaction, and reach nothing that is written down.
--
-- offer_keys() makes a secret that lives in this session's memory alone and gives its owner a key derived from it. With
-- that key the owner seals the data keys, and sends them as a bound parameter: set_config('vectabase.keys', $1, true).
-- A log that shows the parameter shows what only this session can open. Functions of others that run in the session can
-- read both settings, and still lack the pad, which is read by the functions below alone.

create function vectabase.session_secret() returns bytea
language plpgsql stable security definer set search_path = ''
as $$
declare
  session bytea := decode(coalesce(current_setting('vectabase.session', true), ''), 'hex');
  half bytea;
begin
  if length(session) <> 32 then
    return null;
  end if;
  select pad into half from vectabase.session_pad;
  return extensions.hmac(session || int4send(pg_backend_pid()), half, 'sha256');
end
$$;

create function vectabase.offer_keys() returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  dummy text := set_config('vectabase.session', encode(extensions.gen_random_bytes(32), 'hex'), false);
begin
  return encode(vectabase.session_secret(), 'hex');
end
$$;

-- {"active": id, "index": hex, "data": {id: hex}}
create function vectabase.session_keys() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  box bytea := decode(coalesce(current_setting('vectabase.keys', true), ''), 'base64');
  body bytea := substr(box, 1, greatest(length(box) - 32, 0));
  secret bytea;
begin
  if length(body) < 32 then
    raise exception using errcode = 'VT001',
      message = 'the encryption keys are not open in this transaction',
      hint = 'Encrypted columns are written and decrypted through the API, which opens them.';
  end if;
  secret := vectabase.session_secret();
  if secret is null
    or extensions.hmac(body, extensions.hmac('authenticate\001'::bytea, secret, 'sha256'), 'sha256')
      <> substr(box, length(box) - 31) then
    raise exception using errcode = 'VT001', message = 'the encryption keys were sealed for another session';
  end if;
  return convert_from(extensions.decrypt_iv(substr(body, 17), extensions.hmac('encrypt\001'::bytea, secret, 'sha256'),
    substr(body, 1, 16), 'aes-cbc/pad:pkcs'), 'UTF8')::jsonb;
end
$$;

alter function vectabase.session_secret() owner to vectabase_keeper;
alter function vectabase.offer_keys() owner to vectabase_keeper;
alter function vectabase.session_keys() owner to vectabase_keeper;
revoke all on function vectabase.session_secret(), vectabase.offer_keys(), vectabase.session_keys() from public;
grant execute on function vectabase.offer_keys() to authenticator, postgres;

-- A write's plaintext is a bound parameter: neither a slow statement nor a failed one may show it.
alter role authenticator set log_parameter_max_length = 0;
alter role authenticator set log_parameter_max_length_on_error = 0;
alter role authenticator set auto_explain.log_parameter_max_length = 0;

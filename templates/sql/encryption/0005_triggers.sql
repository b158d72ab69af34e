-- Writes: whoever writes plaintext into an encrypted column writes an envelope, or nothing at all.

create function vectabase.row_key(fields jsonb, names jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  result text := '';
  part text;
begin
  for number in 0 .. jsonb_array_length(names) - 1 loop
    part := fields ->> (names ->> number);
    result := result || octet_length(part) || ':' || part || ',';
  end loop;
  return result;
end
$$;

-- Argument: {"schema", "table", "key": [column], "columns": [{"name", "form", "indexed", "label"}]}
create function vectabase.encrypt_row() returns trigger
language plpgsql security definer set search_path = '' set bytea_output = 'hex'
as $$
declare
  policy jsonb := tg_argv[0];
  fields jsonb := to_jsonb(new);
  before jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) end;
  this_row text := vectabase.row_key(fields, policy -> 'key');
  old_row text := case when tg_op = 'UPDATE' then vectabase.row_key(before, policy -> 'key') end;
  inserted jsonb := nullif(current_setting('vectabase.inserted', true), '')::jsonb;
  keys jsonb;
  item jsonb;
  given text;
  was text;
  bytes bytea;
  plaintext bytea;
  sealed text;
  changes jsonb := '{}';
  dummy text;
begin
  for number in 0 .. jsonb_array_length(policy -> 'columns') - 1 loop
    item := policy -> 'columns' -> number;
    given := fields ->> (item ->> 'name');
    was := before ->> (item ->> 'name');
    if given is null or (given = was and this_row = old_row) then
      continue;
    end if;
    keys := coalesce(keys, vectabase.session_keys());
    bytes := case item ->> 'form' when 'bytea' then given::bytea else convert_to(given, 'UTF8') end;
    plaintext := null;
    if tg_op = 'UPDATE' and starts_with(encode(bytes, 'escape'), 'vt1.') then
      -- The row got another key, or `on conflict do update` hands on what was sealed for the row that was not inserted.
      -- That very envelope, by its random nonce: one that was there before may be somebody else's.
      plaintext := case
        when given = was then vectabase.unseal(keys, item ->> 'label', old_row, encode(bytes, 'escape'))
        when given = inserted -> 'sealed' ->> (item ->> 'name') then
          vectabase.unseal(keys, item ->> 'label', inserted ->> 'row', encode(bytes, 'escape')) end;
    end if;
    sealed := vectabase.seal(keys, item ->> 'label', this_row, coalesce(plaintext, bytes), (item ->> 'indexed')::boolean);
    changes := changes || jsonb_build_object(item ->> 'name',
      case item ->> 'form' when 'bytea' then '\x' || encode(convert_to(sealed, 'UTF8'), 'hex') else sealed end);
  end loop;
  if changes <> '{}' then
    new := jsonb_populate_record(new, changes);
  end if;
  if tg_op = 'INSERT' then
    dummy := set_config('vectabase.inserted',
      case when changes = '{}' then '' else jsonb_build_object('row', this_row, 'sealed', changes)::text end, true);
  end if;
  return new;
end
$$;

alter function vectabase.row_key(jsonb, jsonb) owner to vectabase_keeper;
alter function vectabase.encrypt_row() owner to vectabase_keeper;

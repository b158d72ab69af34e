-- A column on its way into encryption and out of it. Each function is one short transaction of its caller, a superuser;
-- the rows themselves are rewritten in batches between `begin_…` and `finish_…`.

-- What equality looks at, and what indexes hold, in place of the column: the last part of the envelope.
create function vectabase.blind_expression(column_name text) returns text
language sql immutable
return format('(case when starts_with(%1$I::text, ''vt1.''::text) then split_part(%1$I::text, ''.''::text, 4) end)', column_name);

create function vectabase.make_triggers(p_schema text, p_table text) returns void
language plpgsql set search_path = ''
as $$
declare
  policy jsonb;
  changed text;
begin
  execute format('drop trigger if exists zzz_vectabase_encrypt_insert on %I.%I', p_schema, p_table);
  execute format('drop trigger if exists zzz_vectabase_encrypt_update on %I.%I', p_schema, p_table);
  select jsonb_build_object('key', min(to_jsonb(c.row_key)::text)::jsonb, 'columns', jsonb_agg(jsonb_build_object(
      'name', c.column_name, 'form', c.form, 'indexed', c.blind_index,
      'label', vectabase.netstrings(c.schema_name, c.table_name, c.column_name)) order by c.column_name)),
    string_agg(format('new.%1$I is distinct from old.%1$I', c.column_name), ' or ')
      || min((select string_agg(format(' or new.%1$I is distinct from old.%1$I', k), '') from unnest(c.row_key) as k))
    into policy, changed
    from vectabase.encrypted_columns c
    where c.schema_name = p_schema and c.table_name = p_table and c.state <> 'undoing';
  if changed is null then
    return;
  end if;
  -- Last of its kind by name: what the owner's own triggers set is encrypted too.
  execute format('create trigger zzz_vectabase_encrypt_insert before insert on %I.%I
    for each row execute function vectabase.encrypt_row(%L)', p_schema, p_table, policy);
  execute format('create trigger zzz_vectabase_encrypt_update before update on %I.%I
    for each row when (%s) execute function vectabase.encrypt_row(%L)', p_schema, p_table, changed, policy);
end
$$;

create function vectabase.begin_encryption(
  p_schema text, p_table text, p_column text, p_form text, p_blind boolean, p_readers text[], p_row_key text[]
) returns void
language plpgsql set search_path = ''
as $$
declare
  relation regclass := format('%I.%I', p_schema, p_table);
  old record;
  kept jsonb := '[]';
  twins integer := 0;
begin
  insert into vectabase.encrypted_columns (schema_name, table_name, column_name, form, blind_index, readers, row_key, state)
    values (p_schema, p_table, p_column, p_form, p_blind, p_readers, p_row_key, 'applying');
  perform vectabase.make_triggers(p_schema, p_table);
  for old in
    select i.indexrelid::regclass as index, c.relname as name, i.indisunique as is_unique,
      k.conname as constraint_name, pg_get_constraintdef(k.oid) as constraint_definition,
      pg_get_indexdef(i.indexrelid) as definition,
      (select string_agg(case when a.attname = p_column then vectabase.blind_expression(p_column)
          else pg_get_indexdef(i.indexrelid, position::integer, true) end, ', ' order by position)
        from unnest(i.indkey::int2[]) with ordinality as o (number, position)
        left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = o.number
        where position <= i.indnkeyatts) as columns,
      pg_get_expr(i.indpred, i.indrelid) as predicate
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.contype = 'u'
    where i.indrelid = relation
      and (select attnum from pg_catalog.pg_attribute where attrelid = relation and attname = p_column) = any (i.indkey)
    order by c.relname
  loop
    kept := kept || jsonb_build_object('index', old.name, 'constraint', old.constraint_name,
      'definition', coalesce(old.constraint_definition, old.definition), 'twin', left(old.name, 57) || '_blind');
    if p_blind then
      twins := twins + 1;
      execute format('create %s index %I on %I.%I (%s)%s', case when old.is_unique then 'unique' else '' end,
        left(old.name, 57) || '_blind', p_schema, p_table, old.columns, coalesce(' where ' || old.predicate, ''));
    end if;
  end loop;
  if p_blind and twins = 0 then
    execute format('create index %I on %I.%I (%s)', left(p_table || '_' || p_column, 57) || '_blind', p_schema, p_table,
      vectabase.blind_expression(p_column));
    kept := kept || jsonb_build_object('twin', left(p_table || '_' || p_column, 57) || '_blind');
  end if;
  update vectabase.encrypted_columns set before = kept
    where (schema_name, table_name, column_name) = (p_schema, p_table, p_column);
  notify pgrst, 'reload schema';
end
$$;

create function vectabase.finish_encryption(p_schema text, p_table text, p_column text) returns void
language plpgsql set search_path = ''
as $$
declare
  plain bigint;
  item jsonb;
begin
  execute format('lock table %I.%I in share row exclusive mode', p_schema, p_table);
  execute format('select count(*) from %I.%I where not starts_with(%s, ''vt1.'')', p_schema, p_table,
    vectabase.as_text(p_schema, p_table, p_column)) into plain;
  if plain > 0 then
    raise exception using errcode = 'VT005', message = format('%s rows of %I.%I.%I are not encrypted yet', plain, p_schema, p_table, p_column);
  end if;
  for item in select jsonb_array_elements(before) from vectabase.encrypted_columns
    where (schema_name, table_name, column_name) = (p_schema, p_table, p_column)
  loop
    if item ->> 'constraint' is not null then
      execute format('alter table %I.%I drop constraint %I', p_schema, p_table, item ->> 'constraint');
    elsif item ->> 'index' is not null then
      execute format('drop index %I.%I', p_schema, item ->> 'index');
    end if;
    -- Programs know a refusal by the name of what refused.
    if item ->> 'index' is not null and to_regclass(format('%I.%I', p_schema, item ->> 'twin')) is not null then
      execute format('alter index %I.%I rename to %I', p_schema, item ->> 'twin', item ->> 'index');
    end if;
  end loop;
  update vectabase.encrypted_columns set state = 'encrypted', cursor = null, since = now(),
      before = (select coalesce(jsonb_agg(e || jsonb_build_object('twin', coalesce(e -> 'index', e -> 'twin'))), '[]')
        from jsonb_array_elements(before) as e)
    where (schema_name, table_name, column_name) = (p_schema, p_table, p_column);
  notify pgrst, 'reload schema';
end
$$;

create function vectabase.begin_decryption(p_schema text, p_table text, p_column text) returns void
language plpgsql set search_path = ''
as $$
begin
  update vectabase.encrypted_columns set state = 'undoing', cursor = null
    where (schema_name, table_name, column_name) = (p_schema, p_table, p_column);
  perform vectabase.make_triggers(p_schema, p_table);
  notify pgrst, 'reload schema';
end
$$;

create function vectabase.finish_decryption(p_schema text, p_table text, p_column text) returns void
language plpgsql set search_path = ''
as $$
declare
  item jsonb;
begin
  for item in select jsonb_array_elements(before) from vectabase.encrypted_columns
    where (schema_name, table_name, column_name) = (p_schema, p_table, p_column)
  loop
    execute format('drop index if exists %I.%I', p_schema, item ->> 'twin');
    if item ->> 'constraint' is not null then
      if not exists (select from pg_catalog.pg_constraint where conname = item ->> 'constraint'
          and conrelid = format('%I.%I', p_schema, p_table)::regclass) then
        execute format('alter table %I.%I add constraint %I %s', p_schema, p_table, item ->> 'constraint', item ->> 'definition');
      end if;
    elsif item ->> 'index' is not null and to_regclass(format('%I.%I', p_schema, item ->> 'index')) is null then
      execute item ->> 'definition';
    end if;
  end loop;
  delete from vectabase.encrypted_columns
    where (schema_name, table_name, column_name) = (p_schema, p_table, p_column);
  perform vectabase.make_triggers(p_schema, p_table);
  notify pgrst, 'reload schema';
end
$$;

-- The column as text, whichever of the two types it has.
create function vectabase.as_text(p_schema text, p_table text, p_column text) returns text
language sql stable
return (select case when format_type(atttypid, null) = 'bytea' then format('encode(%I, ''escape'')', attname) else format('%I::text', attname) end
  from pg_catalog.pg_attribute where attrelid = format('%I.%I', p_schema, p_table)::regclass and attname = p_column);

do $rights$
begin
  revoke all on function vectabase.make_triggers(text, text),
    vectabase.begin_encryption(text, text, text, text, boolean, text[], text[]),
    vectabase.finish_encryption(text, text, text), vectabase.begin_decryption(text, text, text),
    vectabase.finish_decryption(text, text, text) from public;
end
$rights$;

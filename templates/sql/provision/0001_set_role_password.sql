-- Gives a role the SCRAM verifier of its password: `vectabase up` works the verifier out itself, so that the password
-- is in no statement and no log.
create function vectabase.set_role_password(role_name text, verifier text)
returns void
language plpgsql
security invoker
set search_path = ''
set log_min_duration_statement = -1
as $$
begin
  if verifier not like 'SCRAM-SHA-256$%' then
    raise exception 'a SCRAM verifier is wanted, not a password';
  end if;
  execute pg_catalog.format('alter role %I password %L', role_name, verifier);
end
$$;
revoke all on function vectabase.set_role_password(text, text) from public;

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;
let session: Session;

beforeAll(async () => {
  cluster = await startTestCluster();
  session = await Session.open(await cluster.createDatabase('auth'), { applicationName: 'schema test' });
  await applyTemplates(session, 'platform');
});
afterAll(async () => {
  await session?.close();
  await cluster?.stop();
});

/** As a hosted project has them: rows arrive by COPY with these names. A column in brackets is generated. */
const TABLES: Record<string, string> = {
  users: `instance_id id aud role email encrypted_password email_confirmed_at invited_at confirmation_token
    confirmation_sent_at recovery_token recovery_sent_at email_change_token_new email_change email_change_sent_at
    last_sign_in_at raw_app_meta_data raw_user_meta_data is_super_admin created_at updated_at phone phone_confirmed_at
    phone_change phone_change_token phone_change_sent_at (confirmed_at) email_change_token_current
    email_change_confirm_status banned_until reauthentication_token reauthentication_sent_at is_sso_user deleted_at
    is_anonymous`,
  identities: 'provider_id user_id identity_data provider last_sign_in_at created_at updated_at (email) id',
  sessions: `id user_id created_at updated_at factor_id aal not_after refreshed_at user_agent ip tag oauth_client_id
    refresh_token_hmac_key refresh_token_counter scopes`,
  refresh_tokens: 'instance_id id token user_id revoked created_at updated_at parent session_id',
  mfa_factors: `id user_id friendly_name factor_type status created_at updated_at secret phone last_challenged_at
    web_authn_credential web_authn_aaguid last_webauthn_challenge_data`,
  mfa_challenges: 'id factor_id created_at verified_at ip_address otp_code web_authn_session_data',
  mfa_amr_claims: 'session_id created_at updated_at authentication_method id',
  one_time_tokens: 'id user_id token_type token_hash relates_to created_at updated_at',
  flow_state: `id user_id auth_code code_challenge_method code_challenge provider_type provider_access_token
    provider_refresh_token created_at updated_at authentication_method auth_code_issued_at invite_token referrer
    oauth_client_state_id linking_target_id email_optional`,
  oauth_client_states: 'id provider_type code_verifier created_at',
  audit_log_entries: 'instance_id id payload created_at ip_address',
};
const SERVED_LATER = `custom_oauth_providers instances oauth_authorizations oauth_clients oauth_consents saml_providers
  saml_relay_states schema_migrations sso_domains sso_providers webauthn_challenges webauthn_credentials`;

test('the 23 tables of a hosted project, column for column', async () => {
  const rows = await session.rows<{ name: string; columns: string }>(
    `select table_name as name, string_agg(
       case is_generated when 'ALWAYS' then '(' || column_name || ')' else column_name end, ' ' order by ordinal_position) as columns
       from information_schema.columns where table_schema = 'auth' group by table_name`,
  );
  const found = Object.fromEntries(rows.map(({ name, columns }) => [name, columns]));
  const words = (text: string): string => text.trim().split(/\s+/).join(' ');
  expect(Object.keys(found).toSorted()).toEqual([...Object.keys(TABLES), ...words(SERVED_LATER).split(' ')].toSorted());
  expect(Object.keys(found)).toHaveLength(23);
  for (const [name, columns] of Object.entries(TABLES))
    expect({ name, columns: found[name] }).toEqual({ name, columns: words(columns) });
});

test('generated columns, partial unique indexes, types and row security', async () => {
  await session.script(`
    insert into auth.users (id, email, email_confirmed_at, phone_confirmed_at)
      values ('7d9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e7f', 'a@example.com', '2026-02-01Z', '2026-01-01Z');
    insert into auth.identities (user_id, provider, provider_id, identity_data)
      values ('7d9f1a52-2f0e-4a7e-9c43-2a1b0c9d8e7f', 'email', 'x', '{"email":"A@Example.com"}')`);
  const [made] = await session.rows(
    `select confirmed_at = '2026-01-01Z' as confirmed, i.email from auth.users join auth.identities i on user_id = users.id`,
  );
  expect(made).toEqual({ confirmed: true, email: 'a@example.com' });
  const insert = (columns: string, values: string) =>
    session.rows(`insert into auth.users (id, ${columns}) values (gen_random_uuid(), ${values})`);
  const tokens = [
    'confirmation_token',
    'recovery_token',
    'email_change_token_current',
    'email_change_token_new',
    'reauthentication_token',
  ];
  for (const column of tokens) {
    for (const repeated of [`''`, `'123456'`, 'null']) {
      await insert(column, repeated);
      await insert(column, repeated);
    }
    await insert(column, `'a1b2'`);
    await expect(insert(column, `'a1b2'`)).rejects.toMatchObject({ code: '23505' });
  }
  await expect(insert('email', `'a@example.com'`)).rejects.toMatchObject({ code: '23505' });
  await insert('email, is_sso_user', `'a@example.com', true`);
  await expect(insert('email_change_confirm_status', '3')).rejects.toMatchObject({ code: '23514' });
  const types = await session.rows<{ name: string; labels: number }>(
    `select typname as name, count(*)::int as labels from pg_type join pg_enum on enumtypid = pg_type.oid
       where typnamespace = 'auth'::regnamespace and typname in ('aal_level', 'factor_type', 'factor_status', 'one_time_token_type')
       group by 1 order by 1`,
  );
  expect(types).toEqual([
    { name: 'aal_level', labels: 3 },
    { name: 'factor_status', labels: 2 },
    { name: 'factor_type', labels: 3 },
    { name: 'one_time_token_type', labels: 6 },
  ]);
  const [open] = await session.rows<{ tables: string }>(
    `select string_agg(relname, ' ') as tables from pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r'
       and not relrowsecurity and (has_table_privilege('anon', oid, 'select') or has_table_privilege('authenticated', oid, 'select'))`,
  );
  expect(open?.tables).toBeNull();
});

test('the role of the service owns them, and may do nothing outside', async () => {
  const [role] = await session.rows(
    `select rolsuper, rolcreaterole, rolbypassrls, has_schema_privilege('supabase_auth_admin', 'storage', 'usage') as storage
       from pg_roles where rolname = 'supabase_auth_admin'`,
  );
  expect(role).toEqual({ rolsuper: false, rolcreaterole: false, rolbypassrls: false, storage: false });
});

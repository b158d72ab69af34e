import { expect, test } from 'vitest';
import { DEFINITIONS } from '../../../src/foundation/config/definitions.ts';
import { matchesColumn, sensitiveColumns } from '../../../src/operator/audit/sensitive.ts';

const { credentialColumns, paymentColumns, personalColumns } = DEFINITIONS.audit;
const shipped = {
  credential: credentialColumns.initial,
  payment: paymentColumns.initial,
  personal: personalColumns.initial,
};

test.each<[string, string, string, string, string | undefined]>([
  ['profiles', 'discord_access_token', 'text', 'S', 'credential'],
  ['profiles', 'discord_token_expires_at', 'timestamp with time zone', 'D', undefined],
  ['profiles', 'stripe_connect_account_id', 'text', 'S', 'payment'],
  ['profiles', 'stripe_onboarding_status', 'text', 'S', undefined],
  ['profiles', 'default_roblox_api_key_encrypted', 'bytea', 'U', 'credential'],
  ['bot_config', 'value', 'text', 'S', 'credential'],
  ['bot_config', 'is_secret', 'boolean', 'B', undefined],
  ['products', 'value', 'text', 'S', undefined],
  ['license_keys', 'key', 'text', 'S', 'credential'],
  ['obfuscation_usage', 'api_key_id', 'uuid', 'U', undefined],
  ['visitor_sessions', 'latitude', 'numeric(10,8)', 'N', 'personal'],
  ['products', 'license_key_count', 'integer', 'N', undefined],
  ['users', 'EMAIL', 'text', 'S', 'personal'],
])('%s.%s as %s', (table, name, type, category, holds) => {
  const found = sensitiveColumns(
    table,
    [{ name, type, category, hasDefault: false, nullable: true, encrypted: false }],
    shipped,
  );
  expect(found).toEqual(holds === undefined ? [] : [{ name, holds }]);
});

test('an encrypted column tells nobody anything', () => {
  const column = { name: 'api_key', type: 'text', category: 'S', hasDefault: false, nullable: true };
  const found = (encrypted: boolean): unknown[] => sensitiveColumns('t', [{ ...column, encrypted }], shipped);
  expect([found(false).length, found(true)]).toEqual([1, []]);
});

test('a pattern is no regular expression', () => {
  expect(matchesColumn('a.b', 'axb', 'b')).toBe(false);
  expect(matchesColumn('a+*', 't', 'a+b')).toBe(true);
  expect(matchesColumn('a+*', 't', 'aab')).toBe(false);
});

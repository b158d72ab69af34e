import { describe, expect, it } from 'vitest';
import { aclEntries, allPrivileges, describeAcl, grantStatements } from '../../../src/operator/migrate/catalog/acl.ts';
import type { AclItem } from '../../../src/operator/migrate/catalog/context.ts';
import { bareKeywords } from '../../../src/operator/migrate/catalog/keywords.ts';
import {
  isKeptSetting,
  isPlatformRole,
  isPlatformSchema,
  isReservedRole,
  isSystemSchema,
} from '../../../src/foundation/postgres/managed.ts';
import { comparableQuery } from '../../../src/operator/migrate/catalog/view-text.ts';

describe('names that newer servers quote', () => {
  it.each([
    ['app.t."json"', 'app.t.json'],
    ['("json" ->> \'"json"\'::text)', '(json ->> \'"json"\'::text)'],
    ['"json_table"(1) "JSON" "my ""json"""', 'json_table(1) "JSON" "my ""json"""'],
    ['AS $f$ select "json" $f$ from "json"', 'AS $f$ select "json" $f$ from json'],
    ['E\'it\'\'s "json"\' "select"', 'E\'it\'\'s "json"\' "select"'],
  ])('%s', (given, bare) => {
    expect(bareKeywords(given)).toBe(bare);
    expect(bareKeywords(bareKeywords(given))).toBe(bare);
  });
});

describe('queries as Postgres 15 prints them', () => {
  const entry = (alias: string): string => `{RTE :alias <> :eref {ALIAS :aliasname ${alias} :colnames ("a")}}`;
  const tree = (...aliases: string[]): string =>
    `({QUERY :cteList ({CTE :query {QUERY :rtable ({RTE :eref {ALIAS :aliasname inner}})}}) :rtable (${aliases.map(entry).join(' ')}) :jointree {FROMEXPR}})`;

  it.each([
    [
      't',
      "SELECT t.a,\n t.* FROM app.t WHERE (t.b = 't.c'::text)",
      "SELECT a,\n t.* FROM app.t WHERE (b = 't.c'::text)",
    ],
    [
      't',
      'SELECT (t.p).x FROM t.t WHERE (EXISTS ( SELECT 1 FROM u WHERE (u.a = t.a)))',
      'SELECT (p).x FROM t.t WHERE (EXISTS ( SELECT 1 FROM u WHERE (u.a = t.a)))',
    ],
    ['My\\ T', 'SELECT "My T".a, "My T2".b FROM x "My T"', 'SELECT a, "My T2".b FROM x "My T"'],
    ['f', 'SELECT f.a, f.g(f.a) FROM f.g(1) f(a)', 'SELECT a, f.g(a) FROM f.g(1) f(a)'],
  ])('one table, known as %s', (alias, older, newer) => {
    expect(comparableQuery(older, tree('old', 'new', alias))).toBe(newer);
  });

  it('over several tables are left alone, and so are those of newer servers', () => {
    const query = 'SELECT t.a, u.b FROM t, u';
    expect(comparableQuery(query, tree('old', 'new', 't', 'u'))).toBe(query);
    expect(comparableQuery('SELECT t.a FROM t', null)).toBe('SELECT t.a FROM t');
  });
});

describe('privileges', () => {
  const roles = new Map([
    [1, { name: 'owner_role', quoted: 'owner_role' }],
    [2, { name: 'Odd', quoted: '"Odd"' }],
    [3, { name: 'supabase_admin', quoted: 'supabase_admin' }],
  ]);
  const context = { roles, isDropped: (name: string) => name.startsWith('supabase') };
  const all = (version: number): AclItem[] => allPrivileges('r', version).map((name): AclItem => [2, name, false]);
  const say = (privileges: string, grantee: string): string => `GRANT ${privileges} ON TABLE t TO ${grantee}`;

  it('ALL of 15 is ALL of 17', () => {
    for (const version of [150_000, 170_000]) {
      const entries = aclEntries(all(version), 1, context);
      expect(describeAcl(entries, allPrivileges('r', version))).toBe('"Odd": ALL');
      expect(grantStatements(entries, allPrivileges('r', version), say)).toEqual(['GRANT ALL ON TABLE t TO "Odd"']);
    }
  });

  it('names the owner by its part, unites grantors, drops the platform', () => {
    const items: AclItem[] = [
      [1, 'SELECT', false],
      [2, 'SELECT', false],
      [2, 'SELECT', true],
      [2, 'INSERT', false],
      [0, 'SELECT', false],
      [3, 'SELECT', false],
      [99, 'SELECT', false],
    ];
    const entries = aclEntries(items, 1, context);
    const every = allPrivileges('r', 160_000);
    expect(describeAcl(entries, every)).toBe('"Odd": INSERT, SELECT*\nPUBLIC: SELECT\nowner: SELECT');
    expect(grantStatements(entries, every, say)).toEqual([
      'GRANT INSERT ON TABLE t TO "Odd"',
      'GRANT SELECT ON TABLE t TO "Odd" WITH GRANT OPTION',
      'GRANT SELECT ON TABLE t TO PUBLIC',
      'GRANT SELECT ON TABLE t TO owner',
    ]);
  });

  it('says MAINTAIN only to servers that know it', () => {
    const entries = aclEntries([[2, 'MAINTAIN', false]], 1, context);
    const [statement] = grantStatements(entries, allPrivileges('r', 170_000), say);
    expect(statement).toMatch(
      /^DO \$maintain\$ BEGIN IF .*>= 170000 THEN GRANT MAINTAIN ON TABLE t TO "Odd"; END IF; END/,
    );
  });
});

describe('what belongs to the platform', () => {
  it('by name', () => {
    const platform = [
      'realtime',
      'extensions',
      'timescaledb_information',
      '_timescaledb_internal',
      'vault',
      'vectabase',
    ];
    expect(platform.filter((name) => !isPlatformSchema(name))).toEqual([]);
    const owners = ['public', 'auth', 'storage', 'supabase_migrations', 'realtime2', 'private', 'cronos'];
    expect(owners.filter(isPlatformSchema)).toEqual([]);
    expect(['pg_toast', 'pg_temp_3', 'information_schema', 'pgmq'].map(isSystemSchema)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(['postgres', 'anon', 'supabase_x', 'pg_monitor', 'cli_login_a', 'app'].map(isReservedRole)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(['postgres', 'anon', 'dashboard_user'].map(isPlatformRole)).toEqual([false, false, true]);
    expect(['pgrst.db_schemas', 'statement_timeout', 'search_path'].map(isKeptSetting)).toEqual([true, true, false]);
  });
});

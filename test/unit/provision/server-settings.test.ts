import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { postgresValue } from '../../../src/operator/provision/conf-text.ts';
import { bouncerSettings } from '../../../src/operator/provision/install/pgbouncer/settings.ts';
import { accessRules, serverSettings } from '../../../src/operator/provision/install/postgres/settings.ts';
import { installSettings } from '../../support/install-settings.ts';

const GB = 1024 ** 3;
const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/postgres-parameters');
const SETTINGS = installSettings({ volume: { kind: 'existing' }, hardenHost: false });

const MACHINE = { memoryBytes: GB, cores: 1, diskBytes: 40 * GB, archives: true };

const namesIn = (text: string): string[] =>
  text.split('\n').flatMap((line) => (/^[a-z]/.test(line) ? [line.split(' = ')[0] ?? ''] : []));
const rulesIn = (text: string): string[] =>
  text.split('\n').flatMap((line) => (/^(local|host)/.test(line) ? [line.replaceAll(/ +/g, ' ')] : []));

test.each([16, 18] as const)('Postgres %d knows every setting, and each is set once', async (postgresMajor) => {
  const known = new Set(readFileSync(path.join(FIXTURES, `${postgresMajor}.txt`), 'utf8').split('\n'));
  const names = namesIn(
    await serverSettings({ ...SETTINGS, postgresMajor }, { ...MACHINE, memoryBytes: 8 * GB, cores: 8 }),
  );
  expect(names.filter((name) => !known.has(name))).toEqual([]);
  expect(names).toEqual([...new Set(names)]);
  expect(names).toContain('archive_command');
});

test('summaries of WAL are kept where Postgres can make them', async () => {
  const names = async (postgresMajor: 16 | 17): Promise<string[]> =>
    namesIn(await serverSettings({ ...SETTINGS, postgresMajor }, MACHINE));
  expect(await names(17)).toContain('summarize_wal');
  expect(await names(16)).not.toContain('summarize_wal');
});

test('WAL goes to the daemon by a client that only root can change, and nowhere before there is a key to seal it for', async () => {
  const command = async (archives: boolean): Promise<string | undefined> =>
    /^archive_command = (.*)$/m.exec(await serverSettings(SETTINGS, { ...MACHINE, archives }))?.[1];
  expect(await command(true)).toMatch(
    /^'perl \/opt\/vectabase\/current\/\S+\.pl \/run\/vectabase\/archive\/archive\.sock %p %f \|\| exit 1'$/,
  );
  expect(await command(false)).toBe("'/bin/true'");
});

test('values keep quotes and backslashes', () => {
  expect(postgresValue(String.raw`it's C:\data`)).toBe(String.raw`'it''s C:\\data'`);
});

test('the network is loopback until somebody asks for more, and then too without a superuser', async () => {
  const closed = rulesIn(await accessRules({ listen: [] }));
  expect(closed.filter((rule) => rule.startsWith('hostssl'))).toEqual([
    'hostssl all all 127.0.0.1/32 scram-sha-256',
    'hostssl replication all 127.0.0.1/32 scram-sha-256',
  ]);
  const open = rulesIn(await accessRules({ listen: ['10.8.0.1'] }));
  const reject = open.findIndex((rule) => rule.startsWith('host all supabase_admin,'));
  expect(open[reject]).toMatch(/ all reject$/);
  expect(open.findIndex((rule) => rule.startsWith('hostssl all all all scram'))).toBeGreaterThan(reject);
  expect([...closed, ...open].filter((rule) => /^host .*(scram|trust|md5|password)|trust|md5/.test(rule))).toEqual([]);
});

test('PgBouncer listens where Postgres does, and leaves room beside its own connections', async () => {
  const text = await bouncerSettings({ ...SETTINGS, listen: ['10.8.0.1'], poolerPort: 7000 });
  expect(text).toMatch(/^listen_addr = 127\.0\.0\.1,10\.8\.0\.1$/m);
  expect(text).toMatch(/^listen_port = 7000$/m);
  expect(text).not.toContain('{{');
  const most = Number(/^max_db_connections = (\d+)$/m.exec(text)?.[1]);
  expect(most).toBeLessThan(100);
  expect(most).toBeGreaterThanOrEqual(10);
});

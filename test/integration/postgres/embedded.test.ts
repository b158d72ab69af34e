import { chmod, lstat, mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareBinaries } from '../../../src/foundation/postgres/embedded/binaries.ts';
import { startServer } from '../../../src/foundation/postgres/embedded/server.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { isAlive } from '../../../src/foundation/process/identity.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

describe('binaries', () => {
  let cache: string;
  beforeAll(async () => {
    cache = await mkdtemp(path.join(tmpdir(), 'vt-binaries-'));
    await chmod(cache, 0o755);
  });
  afterAll(() => rm(cache, { recursive: true, force: true }));

  test('four starters at once share one whole copy and leave nothing half-made', async () => {
    const runAs = await serviceUser();
    const all = await Promise.all([1, 2, 3, 4].map(() => prepareBinaries({ runAs, caches: [cache] })));
    expect(new Set(all.map((each) => each.postgres)).size).toBe(1);
    expect(all[0]?.version).toMatch(/^17\.\d+$/);
    expect(await readdir(cache)).toHaveLength(1);
  });

  test('a copy that a power cut left with an empty library is made again', async () => {
    const runAs = await serviceUser();
    const { postgres } = await prepareBinaries({ runAs, caches: [cache] });
    const library = path.join(path.dirname(postgres), '..', 'lib', 'libxml2.so.2');
    await truncate(library, 0);
    await prepareBinaries({ runAs, caches: [cache] });
    expect((await lstat(library)).size).toBeGreaterThan(1_000_000);
  });

  test('a cache that others may write to is not trusted', async () => {
    const open = path.join(cache, 'open');
    const runAs = await serviceUser();
    await prepareBinaries({ runAs, caches: [open] });
    await chmod(open, 0o777);
    await expect(prepareBinaries({ runAs, caches: [open] })).rejects.toMatchObject({
      code: 'POSTGRES_BINARIES_MISSING',
    });
  });
});

describe('server', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster.stop());

  const ask = async (sql: string, address = cluster.adminAddress): Promise<unknown> => {
    const session = await Session.open(address, { applicationName: 'test' });
    try {
      return Object.values((await session.rows(sql))[0] ?? {})[0];
    } finally {
      await session.close();
    }
  };

  test('has checksums, UTF-8 and a locale of its own', async () => {
    expect(await ask('show data_checksums')).toBe('on');
    expect(await ask('show server_encoding')).toBe('UTF8');
    expect(await ask(`select datlocprovider::text || datlocale from pg_database where datname = 'postgres'`)).toBe(
      'bC.UTF-8',
    );
    expect(await ask(`select lower('ÀÉÜ')`)).toBe('àéü');
    expect(await ask(`select to_tsvector('simple', 'ÀÉÜ')::text`)).toBe(`'àéü':1`);
  });

  test('has the extensions that a Supabase project uses', async () => {
    const wanted = ['pgcrypto', 'uuid-ossp', 'citext', 'pg_trgm', 'pg_stat_statements'];
    expect(
      await ask(
        `select to_json(array_agg(name order by name)) from pg_available_extensions where name in (${wanted.map((name) => `'${name}'`).join()})`,
      ),
    ).toEqual(wanted.toSorted());
  });

  test('comes back with committed rows after kill -9', async () => {
    const address = await cluster.createDatabase('kept');
    await ask('create table t as select 7 as n', address);
    await cluster.kill('SIGKILL');
    await cluster.restart();
    expect(await ask('select n from t', address)).toBe(7);
  });

  test('TCP asks for the password', async () => {
    expect(await ask('select 1', cluster.address('postgres', { tcp: true }))).toBe(1);
    await expect(
      ask('select 1', cluster.address('postgres', { tcp: true, user: 'supabase_admin', password: 'no' })),
    ).rejects.toMatchObject({ code: 'DATABASE_AUTH_FAILED' });
  });

  test('a setting that Postgres does not know is told with its log', async () => {
    const runAs = await serviceUser();
    const failing = startServer({
      binaries: await prepareBinaries({ runAs }),
      runAs,
      data: path.join(cluster.directory, 'data'),
      socketDirectory: cluster.directory,
      port: 1,
      listenAddresses: [],
      logFile: path.join(cluster.directory, 'failing.log'),
      settings: { no_such_setting: 'on' },
    });
    await expect(failing).rejects.toMatchObject({
      code: 'POSTGRES_START_FAILED',
      message: expect.stringContaining('no_such_setting') as string,
    });
  });
});

test('stop leaves no process and no file, and names a session that was left open', async () => {
  const cluster = await startTestCluster();
  const { pid, directory } = cluster;
  const leak = await Session.open(cluster.adminAddress, { applicationName: 'forgotten' });
  await expect(cluster.stop()).rejects.toThrow('sessions left open: postgres forgotten');
  await leak.close();
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(directory)).toBe(false);
});

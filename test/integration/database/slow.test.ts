import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterPaths } from '../../../src/foundation/config/directory.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { slowQueries, type SlowInput } from '../../../src/operator/database/slow.ts';
import { writeClusterFiles } from '../../../src/operator/provision/cluster-files.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

const CANARY = 'canary-5low';
let cluster: TestCluster;
let input: SlowInput;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: await asUpHasThem() });
  const target = await cluster.createDatabase('slow');
  input = { target, overMs: 50, limit: 20, from: 'auto', logFile: cluster.logFile };
  const session = await Session.open(target, { applicationName: 'an app' });
  await session.script('create extension pg_stat_statements');
  await session.rows(`select pg_sleep(0.06), '${CANARY}', $1::text`, [CANARY]);
  await session.script(`select pg_sleep(0.07),\n '${CANARY}', 1 as "Name"`);
  await session.script(`select pg_sleep(0.001), 2`);
  await session.close();
});
afterAll(() => cluster?.stop());

/** What `vectabase up` writes about statements and logs. */
async function asUpHasThem(): Promise<Record<string, string>> {
  const home = await mkdtemp(path.join(tmpdir(), 'vt-'));
  try {
    const paths = clusterPaths(home);
    await mkdir(paths.data);
    await writeFile(path.join(paths.data, 'PG_VERSION'), '17\n');
    await writeClusterFiles(paths, { certificate: '', privateKey: '' }, undefined);
    const text = await readFile(path.join(paths.data, 'postgresql.conf'), 'utf8');
    const settings = Object.fromEntries(
      [...text.matchAll(/^(\w+) = '?(.*?)'?$/gm)].map(([, name = '', value = '']) => [name, value]),
    );
    const kept = [
      'log_line_prefix',
      'log_min_duration_statement',
      'log_parameter_max_length',
      'shared_preload_libraries',
    ];
    expect(settings['log_min_duration_statement']).toBe('100ms');
    return {
      ...Object.fromEntries(kept.map((name) => [name, settings[name] ?? ''])),
      log_min_duration_statement: '50ms',
    };
  } finally {
    await rm(home, { recursive: true });
  }
}

test.each(['statements', 'log'] as const)('from %s: what took long, by its text without values', async (from) => {
  const report = await slowQueries({ ...input, from });
  expect(report.from).toBe(from === 'log' ? 'log' : 'pg_stat_statements');
  const slept = report.queries.filter(({ query }) => query.includes('pg_sleep'));
  expect(slept).toHaveLength(2);
  expect(slept.every(({ calls, maxMs, meanMs }) => calls === 1 && maxMs > 50 && meanMs > 50)).toBe(true);
  expect(slept.some(({ query }) => query.includes('"Name"'))).toBe(true);
  expect(JSON.stringify(report)).not.toContain(CANARY);
});

test('without the extension the log is read; without both, the way to get them is told', async () => {
  const target = await cluster.createDatabase('bare');
  expect(await slowQueries({ ...input, target })).toMatchObject({ from: 'log', queries: [] });
  await expect(slowQueries({ ...input, target, logFile: undefined })).rejects.toMatchObject({
    code: 'PRECONDITION_FAILED',
  });
});

test('a log that was set aside is read too, a missing one is told', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'vt-'));
  const logFile = path.join(folder, 'postgres.log');
  await copyFile(cluster.logFile, `${logFile}.1`);
  await writeFile(logFile, '');
  const { queries } = await slowQueries({ ...input, from: 'log', logFile });
  await rm(folder, { recursive: true });
  expect(queries.length).toBeGreaterThan(1);
  await expect(slowQueries({ ...input, from: 'log', logFile: '/nowhere/postgres.log' })).rejects.toMatchObject({
    code: 'PRECONDITION_FAILED',
    message: expect.stringContaining('/nowhere/postgres.log') as string,
  });
});

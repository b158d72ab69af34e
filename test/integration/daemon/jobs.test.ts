import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startAlerts } from '../../../src/daemon/alerts/alerts.ts';
import { openLog } from '../../../src/daemon/log.ts';
import { installationPaths } from '../../../src/foundation/config/directory.ts';
import { writeRuntimeFile } from '../../../src/foundation/config/runtime-file.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { Gaps } from '../../../src/operator/backup/archive/gaps.ts';
import { WalLog } from '../../../src/operator/backup/archive/wal-log.ts';
import { openWriter } from '../../../src/operator/backup/catalog/append.ts';
import { watchGaps } from '../../../src/operator/backup/gap-watch.ts';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import { readCluster } from '../../../src/operator/backup/archive/cluster.ts';
import { entriesOf } from '../../../src/operator/backup/catalog/view.ts';
import { watchTimeline } from '../../../src/operator/backup/left-timeline.ts';
import { openRepository, readCatalogues } from '../../../src/operator/backup/repository.ts';
import { lookAtAlerts } from '../../../src/operator/backup/alerts/look.ts';
import { testAlert } from '../../../src/operator/backup/alerts/test.ts';
import { readStanding } from '../../../src/operator/backup/standing.ts';
import type { Letter } from '../../../src/operator/backup/alerts/state.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { eventually, startDaemon, type RunningDaemon } from '../../support/daemon.ts';

let cluster: TestCluster;
let daemon: RunningDaemon | undefined;
let directory: string;
let hook: Server;
const letters: Letter[] = [];
const pings: string[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { max_wal_senders: '5' } });
  const admin = await Session.open(cluster.adminAddress, { applicationName: 'test' });
  for (const area of ['platform', 'gateway', 'backup', 'jobs']) await applyTemplates(admin, area);
  await admin.close();
  directory = mkdtempSync(path.join(tmpdir(), 'vt-jobs-'));
  for (const name of ['archive', 'spool', 'store', 'home']) mkdirSync(path.join(directory, name), { mode: 0o700 });
  await makeRecoveryKey({ directory: path.join(directory, 'home') }, path.join(directory, 'key'), Date.now());
  hook = createServer((incoming, response) => {
    let body = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    incoming.on('end', () => {
      if (incoming.url === '/ping') pings.push(body);
      else letters.push(JSON.parse(body) as Letter);
      response.end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  daemon?.process.kill('SIGTERM');
  await daemon?.exited;
  daemon = undefined;
});
afterAll(async () => {
  hook.close();
  rmSync(directory, { recursive: true, force: true });
  await cluster.stop();
});

/** What the daemon of these tests is started with, beside the database. */
function configuration(login: string) {
  const at = (name: string): string => path.join(directory, name);
  const { port } = hook.address() as AddressInfo;
  return {
    rest: { workers: 1 },
    admin: { socket: at('admin.sock') },
    archive: {
      socketDirectory: at('archive'),
      spool: at('spool'),
      repository: at('store'),
      home: at('home'),
      whenFull: 'stop-writes' as const,
    },
    backup: {
      stores: [{ url: pathToFileURL(at('elsewhere')).href }],
      alertWebhook: `http://127.0.0.1:${port}/alerts`,
      alertDeadMan: `http://127.0.0.1:${port}/ping`,
    },
    jobs: { backupLogin: { user: login }, disks: [directory] },
  };
}

async function start(login: string): Promise<RunningDaemon> {
  const more = configuration(login);
  daemon = await startDaemon({ database: { ...cluster.adminAddress, user: 'authenticator' }, more });
  return daemon;
}

test('a job that fails is told at once with the command to run, once, and in the metrics', async () => {
  await start('authenticator'); // may not replicate
  const told = await eventually(() => letters.find(({ key }) => key === 'job.base.failed') ?? false);
  expect(told).toMatchObject({ status: 'raised', severity: 'critical', command: 'vectabase backup create' });
  expect(await metrics()).toMatch(/^vectabase_job_failing\{job="base"\} 1$/m);
  daemon?.process.kill('SIGTERM');
  await daemon?.exited;
  const [before, quiet] = [letters.length, pings.length];
  await start('authenticator'); // knows from the database what is raised
  await eventually(async () => /vectabase_alerts\{severity="critical"\} [1-9]/.test(await metrics()));
  expect(letters.slice(before).filter(({ key }) => key === 'job.base.failed')).toEqual([]);
  expect(pings).toHaveLength(quiet);
});

test('status shows what the daemon alerts on, also when no daemon answers', async () => {
  await start('authenticator');
  await eventually(async () => /vectabase_job_failing\{job="base"\} 1/.test(await metrics()));
  const { host, port } = cluster.adminAddress;
  const { daemonConfig } = installationPaths(directory);
  await writeRuntimeFile(daemonConfig, {
    ...configuration('authenticator'),
    api: { host: '127.0.0.1', port: 0, cors: [] },
    database: { host, port, user: 'x', database: 'x' },
    log: { level: 'info' },
  });
  const now = Date.now();
  const place = { directory: path.join(directory, 'store'), home: { directory: path.join(directory, 'home') } };
  const standing = await readStanding({ place, data: directory, now, signal: new AbortController().signal });
  const look = async () => lookAtAlerts({ dir: directory, address: cluster.adminAddress, now, standing });
  const failed = { key: 'job.base.failed', severity: 'critical', command: 'vectabase backup create' };
  const asked = await eventually(async () => {
    const seen = await look();
    return seen.by === 'daemon' && seen.conditions.length > 0 && seen;
  });
  expect(asked).toMatchObject({ by: 'daemon', conditions: expect.arrayContaining([expect.objectContaining(failed)]) });
  daemon?.process.kill('SIGTERM');
  await daemon?.exited;
  expect(await look()).toMatchObject({
    by: 'us',
    conditions: expect.arrayContaining([expect.objectContaining(failed)]),
  });
  const gone = await lookAtAlerts({ dir: directory, address: undefined, now, standing });
  expect(gone.conditions.map(({ key }) => key)).toContain('database');
  rmSync(daemonConfig);
});

test('a test alert goes where alerts go, from the running daemon', async () => {
  await start('authenticator');
  const { daemonConfig } = installationPaths(directory);
  const database = { ...cluster.adminAddress };
  await writeRuntimeFile(daemonConfig, {
    api: { host: '127.0.0.1', port: 0, cors: [] },
    database: { host: database.host, port: database.port, user: 'x', database: 'x' },
    log: { level: 'info' },
    keysFile: 'credential:of-the-daemon',
    admin: { socket: path.join(directory, 'admin.sock') },
  });
  expect(await testAlert(directory)).toEqual({ channels: [{ channel: 'webhook', failure: null }] });
  expect(letters.at(-1)).toMatchObject({ key: 'test', status: 'test' });
});

test('the cluster is copied by schedule, and a success is in the metrics and the database', async () => {
  const admin = await Session.open(cluster.adminAddress, { applicationName: 'test' });
  await admin.script('delete from vectabase.job_runs; delete from vectabase.alerts');
  // The dump needs programs that not every machine has.
  await admin.script(`insert into vectabase.job_runs (job, planned_at, finished_at, status, runner)
    values ('dump', now() + interval '30 minutes', now(), 'ok', 'test')`);
  await start('vectabase_backup');
  const [run] =
    (await eventually(async () => {
      const rows = await admin.rows<{ status: string; report: string; error_message: string | null }>(
        `select status, report::text, error_message from vectabase.job_runs where job = 'base' and status <> 'running'`,
      );
      return rows.length > 0 && rows;
    })) ?? [];
  await admin.close();
  expect(run).toMatchObject({ status: 'ok', error_message: null });
  expect(JSON.parse(run?.report ?? '')).toMatchObject({ label: expect.stringMatching(/^\d{8}T\d{6}Z$/) as string });
  expect(await metrics()).toMatch(/^vectabase_job_last_success_timestamp_seconds\{job="base"\} \d{10}/m);
  await eventually(() => pings.length > 0);
});

test('what is kept is compared, copied and pruned by schedule, and damage is told', async () => {
  const admin = await Session.open(cluster.adminAddress, { applicationName: 'test' });
  const again = async (): Promise<void> => {
    daemon?.process.kill('SIGTERM');
    await daemon?.exited;
    await admin.script(`delete from vectabase.job_runs where job in ('verify', 'prune', 'copy')`);
    await start('vectabase_backup');
  };
  const ended = async (job: string) =>
    eventually(async () => {
      const [run] = await admin.rows<{ status: string; report: string | null; error_code: string | null }>(
        `select status, report::text, error_code from vectabase.job_runs where job = $1 and status <> 'running'`,
        [job],
      );
      return run ?? false;
    });
  try {
    await again(); // with the backup that the test before made
    expect(JSON.parse((await ended('prune'))?.report ?? '')).toEqual({ removed: 0, kept: 1 });
    expect(JSON.parse((await ended('verify'))?.report ?? '')).toMatchObject({ objects: 2, level: 1 });
    expect(await ended('copy')).toMatchObject({ status: 'ok' });
    const copied = readdirSync(path.join(directory, 'elsewhere'), { recursive: true }).map(String);
    expect(copied.filter((name) => name.endsWith('base.tar.vbk'))).toHaveLength(1);

    const store = path.join(directory, 'store');
    const archive = readdirSync(store, { recursive: true })
      .map(String)
      .find((name) => name.endsWith('base.tar.vbk'));
    appendFileSync(path.join(store, archive ?? ''), 'x');
    await again();
    expect(await ended('verify')).toMatchObject({ status: 'failed', error_code: 'BACKUP_DAMAGED' });
    await eventually(() => letters.some(({ key, status }) => key === 'job.verify.failed' && status === 'raised'));
  } finally {
    await admin.close();
  }
});

test('after a return to a second the next base backup is made at once', async () => {
  const ask = async (statement: string): Promise<string> => {
    const admin = await Session.open(cluster.adminAddress, { applicationName: 'test' });
    try {
      return (await admin.rows<{ value: string }>(statement)).map(({ value }) => value).join(' ');
    } finally {
      await admin.close();
    }
  };
  const { signal } = new AbortController();
  const place = { directory: path.join(directory, 'store'), home: { directory: path.join(directory, 'home') } };
  const watch = watchTimeline(cluster.adminAddress);
  expect(await watch.leftAt(await openRepository(place), signal)).toBeUndefined();
  const before = await ask(
    `select count(*)::text as value from vectabase.job_runs where job = 'base' and status = 'ok'`,
  );
  expect(before).toBe('1');
  // Recovery to the end of what is there: a new timeline, as any restore begins one.
  await ask(`alter system set restore_command = 'false'`);
  writeFileSync(path.join(cluster.directory, 'data', 'recovery.signal'), '');
  await cluster.restart();
  await eventually(async () => (await ask('select pg_is_in_recovery()::text as value')) === 'false');
  expect(await watch.leftAt(await openRepository(place), signal)).toBeGreaterThan(0);

  await start('vectabase_backup');
  await eventually(async () => {
    const runs = await ask(`select status as value from vectabase.job_runs where job = 'base' order by id`);
    return runs === 'ok ok';
  });
  const { systemId } = await readCluster(cluster.adminAddress);
  const [catalogue] = await readCatalogues({ ...(await openRepository(place)), systemId }, signal);
  expect(entriesOf(catalogue?.documents ?? [], 'base').map(({ entry }) => entry.end.timeline)).toEqual([1, 2]);
  expect(await watch.leftAt(await openRepository(place), signal)).toBeUndefined();
});

test('after WAL was dropped the next base backup is made when WAL arrives again', async () => {
  const { signal } = new AbortController();
  const place = { directory: path.join(directory, 'store'), home: { directory: path.join(directory, 'home') } };
  const repository = await openRepository(place);
  const { systemId } = await readCluster(cluster.adminAddress);
  const bases = async () => {
    const [catalogue] = await readCatalogues({ ...repository, systemId }, signal);
    return entriesOf(catalogue?.documents ?? [], 'base').map(({ entry }) => entry);
  };
  const [before] = (await bases()).toReversed();
  const admin = await Session.open(cluster.adminAddress, { applicationName: 'test' });
  const [dropped] = await admin.rows<{ name: string; end: string }>(
    `select pg_walfile_name(pg_switch_wal()) as name, pg_current_wal_lsn()::text as end`,
  );
  const [next] = await admin.rows<{ start: string; end: string }>(
    `select pg_current_wal_insert_lsn()::text as start, (pg_current_wal_insert_lsn() + 16777216)::text as end
       from pg_logical_emit_message(true, 'test', 'x'), pg_sleep(0)`,
  );
  await admin.close();
  const catalogue = openWriter({ ...repository, systemId, clock: systemClock, signal });
  const gaps = new Gaps(path.join(directory, 'gaps'));
  await gaps.add(dropped?.name ?? '');
  await new WalLog(catalogue, 16 * 1024 * 1024).gaps(gaps);
  const watch = watchGaps();
  expect(await watch.missingSince(repository, signal)).toBeUndefined(); // it may be dropped still
  const range = { timeline: 2, start: next?.start ?? '', end: next?.end ?? '', lastCommitAt: null, files: [] };
  await catalogue.append({ kind: 'wal', ...range });
  expect(await watch.missingSince(repository, signal)).toBeGreaterThan(0);

  await start('vectabase_backup');
  await eventually(async () => (await bases()).length === 3);
  const [after] = (await bases()).toReversed();
  expect(after?.label).not.toBe(before?.label);
  expect(await watch.missingSince(repository, signal)).toBeUndefined();
});

test('nobody is told that all is well while the database, which knows of jobs, is away', async () => {
  const looks: Array<{ conditions: []; whole: boolean }> = [];
  const alerts = startAlerts({
    address: cluster.adminAddress,
    channels: [],
    deadMan: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/ping`,
    look: async () => {
      const look = { conditions: [] as [], whole: looks.length > 0 };
      looks.push(look);
      return look;
    },
    log: openLog('silent'),
    every: 60_000,
  });
  const quiet = pings.length;
  alerts.lookNow(); // the second: the first is under way
  await eventually(() => pings.length > quiet);
  await alerts.stop();
  expect([looks.length, pings.length - quiet]).toEqual([2, 1]);
});

async function metrics(): Promise<string> {
  return new Promise((resolve, reject) => {
    const where = { socketPath: path.join(directory, 'admin.sock'), path: '/metrics', agent: false as const };
    request(where, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body)).on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

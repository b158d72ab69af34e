import { fork, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openLog } from '../../../src/daemon/log.ts';
import type { Job } from '../../../src/daemon/scheduler/job.ts';
import { startScheduler, type Scheduler } from '../../../src/daemon/scheduler/scheduler.ts';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/daemon.ts';

let cluster: TestCluster;
let admin: Session;
let address: DatabaseAddress;
const open: Scheduler[] = [];
const children: ChildProcess[] = [];
const log = openLog('silent');

beforeAll(async () => {
  cluster = await startTestCluster();
  admin = await Session.open(cluster.adminAddress, { applicationName: 'test' });
  for (const area of ['platform', 'gateway', 'jobs']) await applyTemplates(admin, area);
  address = { ...cluster.adminAddress, user: 'authenticator', password: undefined };
});
afterEach(async () => {
  for (const scheduler of open.splice(0)) await scheduler.stop();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await eventually(async () => {
    const [row] = await admin.rows<{ count: string }>(
      `select count(*) from pg_stat_activity where application_name like 'vectabase job%'`,
    );
    return row?.count === '0';
  });
  await admin.script('delete from vectabase.job_runs');
});
afterAll(async () => {
  await admin.close();
  await cluster.stop();
});

function job(run: Job['run'], more: Partial<Job> = {}): Job {
  // An instant that has passed today or yesterday: what is due is due at once, and not again during the test.
  const schedule = `0 ${(new Date().getUTCHours() + 22) % 24} * * *`;
  return { name: 'base', schedule, atFirst: true, patience: 1, command: 'x', run, ...more };
}

async function start(one: Job): Promise<Scheduler> {
  const scheduler = await startScheduler([one], { address, log, jitter: 0, look: 100 });
  open.push(scheduler);
  return scheduler;
}

async function runs(): Promise<string[]> {
  const rows = await admin.rows<{ status: string }>('select status from vectabase.job_runs order by id');
  return rows.map(({ status }) => status);
}

test('among several daemons one runs a job, once for its instant, and not twice at once', async () => {
  let [count, now, most] = [0, 0, 0];
  const body = job(async () => {
    count += 1;
    now += 1;
    most = Math.max(most, now);
    await sleep(500);
    now -= 1;
    return { bytes: 7 };
  });
  const schedulers = await Promise.all([start(body), start(body), start(body)]);
  await eventually(async () => (await runs()).join() === 'ok');
  await sleep(500); // several looks of each
  expect({ count, most, runs: await runs() }).toEqual({ count: 1, most: 1, runs: ['ok'] });
  const [state] = (await schedulers[0]?.states()) ?? [];
  expect(state).toMatchObject({ job: 'base', status: 'ok', error_code: null });
  expect(Math.abs((state?.succeeded_at ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  expect(await admin.rows('select report from vectabase.job_runs')).toEqual([{ report: '{"bytes": 7}' }]);
});

test('what was missed is done once, and a job without history waits where it should', async () => {
  let count = 0;
  const body = job(
    async () => {
      count += 1;
      return {};
    },
    { atFirst: false },
  );
  await start(body);
  await eventually(async () => (await runs()).join() === 'skipped');
  await open.splice(0)[0]?.stop();
  await admin.script(`update vectabase.job_runs set planned_at = planned_at - interval '3 days'`);
  await start(body);
  await eventually(async () => (await runs()).join() === 'skipped,ok');
  expect(count).toBe(1);
});

test('a run that is wanted beside the schedule is made once for its instant', async () => {
  let wanted: number | undefined;
  const asked: Array<number | undefined> = [];
  const wantedSince = async (): Promise<number | undefined> => {
    asked.push(wanted);
    if (asked.length === 1) throw new Error('the store is away'); // which keeps no planned run back
    return wanted;
  };
  await start(job(async () => ({}), { wantedSince }));
  await eventually(async () => (await runs()).join() === 'ok');
  wanted = Date.now();
  await eventually(async () => (await runs()).join() === 'ok,ok');
  const looks = asked.length;
  await eventually(() => asked.length > looks + 2);
  expect(await runs()).toEqual(['ok', 'ok']);
});

test('what a clock that was ahead has noted does not keep a job from running, and its success makes it good', async () => {
  await admin.script(`insert into vectabase.job_runs (job, planned_at, started_at, finished_at, status, runner)
    select 'base', at, at, at, 'ok', 'test' from (select now() + interval '35 days' as at)`);
  const scheduler = await start(job(async () => ({})));
  await eventually(async () => (await runs()).join() === 'ok,ok');
  const [state] = await scheduler.states();
  expect(Math.abs((state?.succeeded_at ?? 0) - Date.now() / 1000)).toBeLessThan(60);
});

test('a failure is kept with its code, and tried again three times in all, later', async () => {
  const body = job(async () => {
    throw new VectabaseError('DISK_FULL', { message: 'no space' });
  });
  const scheduler = await start(body);
  for (const failures of [1, 2, 3]) {
    await eventually(async () => (await runs()).length === failures && !(await runs()).includes('running'));
    await sleep(300); // looks, and waits its minutes
    expect(await runs()).toHaveLength(failures);
    await admin.script(`update vectabase.job_runs set finished_at = finished_at - interval '40 minutes'`);
  }
  await sleep(300);
  expect(await runs()).toEqual(['failed', 'failed', 'failed']);
  expect(await scheduler.states()).toMatchObject([{ error_code: 'DISK_FULL', error_message: 'no space' }]);
});

test('a run that loses its connection stops, and is done again', async () => {
  const reasons: unknown[] = [];
  let count = 0;
  await start(
    job(async (signal) => {
      count += 1;
      if (count > 1) return {};
      await sleep(60_000, signal).catch(() => reasons.push(signal.reason));
      return {};
    }),
  );
  await eventually(async () => (await runs()).join() === 'running');
  await admin.rows(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vectabase job base'`,
  );
  await eventually(() => reasons.length === 1);
  expect(reasons[0]).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  await eventually(async () => /^(failed|interrupted)$/.test((await runs()).join()));
  await admin.script(`update vectabase.job_runs set finished_at = finished_at - interval '40 minutes'`);
  await eventually(async () => (await runs()).at(-1) === 'ok');
});

test('a stop ends what runs, and the next daemon takes it up', async () => {
  let count = 0;
  const body = job(async (signal) => {
    count += 1;
    if (count === 1) await sleep(60_000, signal).catch(() => undefined);
    return {};
  });
  await start(body);
  await eventually(async () => (await runs()).join() === 'running');
  await open.splice(0)[0]?.stop();
  expect(await runs()).toEqual(['interrupted']);
  await start(body);
  await eventually(async () => (await runs()).join() === 'interrupted,ok');
});

test('when a daemon is killed in the middle of a job, another takes it over', async () => {
  const file = path.join(cluster.directory, 'runner.mjs');
  const dist = assetPath('dist', 'daemon');
  writeFileSync(
    file,
    `import { startScheduler } from '${dist}/scheduler/scheduler.js';
     import { openLog } from '${dist}/log.js';
     const body = async () => { process.send('runs'); await new Promise(() => setInterval(() => {}, 1e6)); };
     process.once('message', ({ job, address }) =>
       startScheduler([{ ...job, run: body }], { address, log: openLog('silent'), jitter: 0, look: 100 }));
     process.send('here');`,
  );
  const child = fork(file);
  children.push(child);
  const said: unknown[] = [];
  child.on('message', (message) => said.push(message));
  await eventually(() => said.includes('here'));
  let taken = 0;
  const body = job(async () => {
    taken += 1;
    return {};
  });
  child.send({ job: body, address });
  await eventually(() => said.includes('runs'));
  await start(body);
  await sleep(500); // several looks of the other
  expect({ taken, runs: await runs() }).toEqual({ taken: 0, runs: ['running'] });
  child.kill('SIGKILL');
  await eventually(async () => (await runs()).join() === 'interrupted,ok');
  expect(taken).toBe(1);
});

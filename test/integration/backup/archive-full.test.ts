import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { archiveCommand } from '../../../src/foundation/postgres/archive-command.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import type { Letter } from '../../../src/operator/backup/alerts/state.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository } from '../../../src/operator/backup/repository.ts';
import { listening } from '../../support/archive.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { startDaemon, type RunningDaemon } from '../../support/daemon.ts';
import { untilArchived } from '../../support/recover.ts';
import { canMount, mountSmallDisk, type SmallDisk } from '../../support/small-disk.ts';
import { middleOf, rowsAt, startLoad } from '../../support/soak.ts';
import { until } from '../../support/until.ts';

/** Seconds without room; `VECTABASE_ARCHIVE_FULL=600` for the proof. */
const FULL = Number(process.env['VECTABASE_ARCHIVE_FULL'] ?? 2);
/** Alerts are looked at once in a minute: only a long run waits for them, and restores twice. */
const LONG = FULL >= 60;

describe.skipIf(!canMount)('spool and store on a full disk, under load', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-afull-'));
  const keyFile = path.join(home, 'recovery.key');
  const letters: Letter[] = [];
  let hook: Server;
  let cluster: TestCluster;
  let disk: SmallDisk;
  let admin: Session;
  let daemon: RunningDaemon;

  beforeAll(async () => {
    chmodSync(home, 0o755);
    disk = await mountSmallDisk(512);
    const socket = path.join(home, 'socket');
    mkdirSync(socket, { mode: 0o700 });
    const owner = await serviceUser();
    if (owner) chownSync(socket, owner.uid, owner.gid);
    cluster = await startTestCluster({
      settings: {
        full_page_writes: 'on',
        track_commit_timestamp: 'on',
        archive_mode: 'on',
        archive_command: archiveCommand(socket),
      },
    });
    admin = await Session.open(cluster.adminAddress, { applicationName: 'full disk test' });
    for (const area of ['platform', 'gateway', 'provision', 'backup', 'jobs']) await applyTemplates(admin, area);
    await admin.script(`create table sales (id bigserial primary key, note text);
      grant all on sales, sales_id_seq to anon`);
    hook = createServer((incoming, response) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      incoming.on('end', () => {
        letters.push(JSON.parse(body) as Letter);
        response.end();
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const own = path.join(home, 'backup');
    await makeRecoveryKey({ directory: own }, keyFile, Date.now());
    daemon = await startDaemon({
      database: { ...cluster.adminAddress, user: 'authenticator' },
      more: {
        rest: { workers: 1 },
        archive: {
          socketDirectory: socket,
          spool: path.join(disk.path, 'spool'),
          repository: path.join(disk.path, 'store'),
          home: own,
          whenFull: 'stop-writes',
        },
        backup: { alertWebhook: `http://127.0.0.1:${(hook.address() as AddressInfo).port}` },
        jobs: { disks: [disk.path] },
      },
    });
  });
  afterAll(async () => {
    hook.close();
    daemon.process.kill('SIGKILL');
    await daemon.exited;
    await disk.unmount();
    await admin.close();
    await cluster.stop();
    rmSync(home, { recursive: true });
  });

  /** Status, and whether the answer says that the disk is full: one whose connection was ended is 503 as well. */
  const rest = async (method: 'GET' | 'POST'): Promise<string> => {
    const body = method === 'POST' ? { body: JSON.stringify({ note: 'by an application' }) } : {};
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`${daemon.url}/rest/v1/sales?select=id&limit=1`, { method, headers, ...body });
    const text = await answer.text();
    return `${answer.status}${text.includes('disk of the server is full') ? ' full' : ''}`;
  };
  const raised = (key: string): boolean => letters.some((each) => each.key === key && each.status === 'raised');

  test('nothing is lost, applications are told to wait, somebody hears of it, and it heals by itself', async () => {
    const repository = await openRepository({
      directory: path.join(disk.path, 'store'),
      home: { directory: path.join(home, 'backup') },
    });
    await createBackup({ address: cluster.adminAddress, repository }, listening());
    const ballast = path.join(disk.path, 'spool', 'ballast');
    await until(async () => (await readdir(path.dirname(ballast))).includes('ballast'));
    const load = await startLoad(cluster, { switchMs: Math.max(1_000, FULL * 12) });
    expect(await rest('POST')).toBe('201');

    await rm(ballast);
    await disk.fill(0);
    await until(async () => (await rest('POST')) === '503 full', 40);
    await until(async () => (await rest('GET')) === '200', 40); // sessions of applications were ended
    if (LONG) await until(() => raised('archive.refused') && raised(`disk.${disk.path}`));
    await sleep(FULL * 1_000);
    expect([await rest('POST'), await rest('GET')]).toEqual(['503 full', '200']);
    const [waiting] = await admin.rows<{ waiting: number }>('select waiting from vectabase.archive_backlog()');

    await disk.relieve();
    await until(async () => (await rest('POST')) === '201');
    const written = await load.stop();
    await untilArchived(admin);
    const [all] = await admin.rows<{ rows: number }>('select count(*)::integer as rows from sales');
    const held = { ...written, 'postgres.public.sales': all?.rows ?? 0 };
    expect(held['postgres.public.sales']).toBeGreaterThan(written['postgres.public.sales'] ?? 0);
    daemon.process.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);

    const restore = { repository, keyFile, home };
    expect((await rowsAt({ kind: 'latest' }, restore)).counts).toMatchObject(held);
    for (const middle of LONG ? [await middleOf(cluster, held)] : []) {
      expect((await rowsAt(middle.target, restore)).counts).toMatchObject(middle.counts);
    }
    // Once each, though applications were held back from writing meanwhile.
    const keys = letters.filter(({ status }) => status === 'raised').map(({ key }) => key);
    expect(keys.toSorted()).toEqual([...new Set(keys)].toSorted());
    const told = `full for ${FULL} s: ${waiting?.waiting} segments waited, ${JSON.stringify(held)} all there`;
    process.stderr.write(`${told}; told: ${letters.map(({ key, status }) => `${key} ${status}`).join(', ')}\n`);
  }, 1_800_000);
});

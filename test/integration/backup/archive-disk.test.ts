import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { archiveCommand } from '../../../src/foundation/postgres/archive-command.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { startArchiver } from '../../../src/operator/backup/archive/archiver.ts';
import type { ArchiveObservation } from '../../../src/operator/backup/archive/observations.ts';
import { readCatalogue } from '../../../src/operator/backup/catalog/read.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository } from '../../../src/operator/backup/repository.ts';
import { listening } from '../../support/archive.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { untilArchived } from '../../support/recover.ts';
import { canMount, mountSmallDisk, type SmallDisk } from '../../support/small-disk.ts';

describe.skipIf(!canMount)('a spool whose disk is full', { timeout: 300_000 }, () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-adisk-'));
  const own = { directory: path.join(home, 'backup') };
  const place = { directory: path.join(home, 'backups'), home: own };
  const directory = path.join(home, 'socket');
  let cluster: TestCluster;
  let disk: SmallDisk;
  let admin: Session;

  beforeAll(async () => {
    chmodSync(home, 0o711);
    mkdirSync(directory, { mode: 0o700 });
    const owner = await serviceUser();
    if (owner) chownSync(directory, owner.uid, owner.gid);
    disk = await mountSmallDisk(512);
    await makeRecoveryKey(own, path.join(home, 'recovery.key'), Date.now());
    const settings = { archive_mode: 'on', archive_command: archiveCommand(directory) };
    cluster = await startTestCluster({ settings });
    admin = await Session.open(cluster.adminAddress, { applicationName: 'disk test' });
    for (const area of ['platform', 'provision', 'backup']) await applyTemplates(admin, area);
    await admin.script(`alter role authenticator password null; create table sales (id bigserial, note text);
      grant all on sales, sales_id_seq to authenticator`);
  });
  afterAll(async () => {
    await admin.close();
    await cluster.stop();
    await disk.unmount();
    rmSync(home, { recursive: true });
  });

  let running: { stop(): Promise<void> } | undefined;
  afterEach(async () => {
    await disk.relieve();
    await running?.stop();
  });

  const start = async (whenFull: 'stop-writes' | 'drop-wal') => {
    const ctx = listening<ArchiveObservation>();
    const input = { directory, spool: disk.path, place, whenFull, address: cluster.adminAddress };
    const archiver = await startArchiver(input, ctx);
    running = archiver;
    await until(() => archiver.status() !== undefined);
    return { archiver, ctx };
  };
  /** As an application would: a session of its own. */
  const write = async (): Promise<string> => {
    const session = await Session.open(cluster.address('postgres', { user: 'authenticator' }), {
      applicationName: 'application',
    });
    try {
      await session.rows(`insert into sales (note) values ('x')`);
      return 'written';
    } catch (error) {
      return String((error as { code?: string }).code);
    } finally {
      await session.close();
    }
  };
  const ballast = async (): Promise<number> =>
    stat(path.join(disk.path, 'ballast')).then(
      ({ size }) => size,
      () => 0,
    );
  const spooled = async (): Promise<string[]> =>
    (await readdir(disk.path, { recursive: true })).filter((each) => each.includes('.vbk'));

  test('holds writes back after the ballast is gone, keeps reads, loses nothing, and lets go by itself', async () => {
    const { archiver, ctx } = await start('stop-writes');
    await until(async () => (await ballast()) === 64 * 1024 * 1024);
    expect(await write()).toBe('written');
    await disk.fill(8 * 1024 * 1024);
    await until(async () => (await ballast()) === 0);
    expect(archiver.status()?.holdsWrites).toBe(false);
    await disk.relieve();
    await disk.fill(8 * 1024 * 1024);
    await until(() => archiver.status()?.holdsWrites === true);
    expect(ctx.told.filter(({ event }) => event === 'archive.disk.noted').map(({ id }) => id)).toContain('full');
    expect(await write()).toBe('25006');
    // The superuser still writes, and so much that the disk is out of bytes.
    await admin.script(
      `insert into sales (note) select repeat(md5(random()::text), 100) from generate_series(1, 20000)`,
    );
    const before = await spooled();
    expect(before.filter((each) => each.includes('.new-'))).toEqual([]);
    await disk.relieve();
    await until(() => archiver.status()?.holdsWrites === false);
    expect(await write()).toBe('written');
    await untilArchived(admin);
    await archiver.stop();
    expect((await gaps()).length).toBe(0);
  });

  test('out of bytes altogether: Postgres is refused, keeps its files and sends them again', async () => {
    const { archiver } = await start('stop-writes');
    await until(async () => (await ballast()) === 64 * 1024 * 1024);
    await rm(path.join(disk.path, 'ballast'));
    await disk.fill(0);
    await admin.script(
      `insert into sales (note) select md5(random()::text) from generate_series(1, 1000); select pg_switch_wal()`,
    );
    await until(() => archiver.status()?.refused !== undefined);
    expect((await spooled()).filter((each) => each.includes('.new-'))).toEqual([]);
    await disk.relieve();
    await untilArchived(admin);
    expect(archiver.status()?.refused).toBeUndefined();
    await archiver.stop();
    expect((await gaps()).length).toBe(0);
  });

  test('drops WAL where the owner chose so, and says which', async () => {
    const { archiver, ctx } = await start('drop-wal');
    await until(async () => (await ballast()) === 64 * 1024 * 1024);
    await rm(path.join(disk.path, 'ballast'));
    await disk.fill(8 * 1024 * 1024);
    await until(async () => {
      await admin.script(`select pg_logical_emit_message(true, 'test', 'x'); select pg_switch_wal()`);
      return ctx.told.some(({ event }) => event === 'archive.gap.noted');
    });
    expect(await write()).toBe('written');
    await untilArchived(admin);
    const dropped = ctx.told.filter(({ event }) => event === 'archive.gap.noted').map(({ id }) => id);
    await disk.relieve();
    await archiver.stop();
    // Told, or on disk to be told at the next try: these come in growing steps while the disk is full.
    const noted = (await readdir(disk.path)).filter((name) => name.startsWith('gaps-'));
    const texts = await Promise.all(noted.map(async (name) => readFile(path.join(disk.path, name), 'utf8')));
    const waiting = texts.join('').split('\n').filter(Boolean);
    expect((await gaps()).length + waiting.length).toBeGreaterThanOrEqual(new Set(dropped).size);
    expect((await gaps()).every((entry) => entry.kind === 'gap' && entry.reason === 'dropped')).toBe(true);
  });

  async function gaps() {
    const { store } = await openRepository(place);
    const [row] = await admin.rows<{ id: string }>('select system_identifier::text as id from pg_control_system()');
    const { documents } = await readCatalogue(store, row?.id ?? '', { keys: [] }, new AbortController().signal);
    return documents.flatMap(({ entry }) => (entry.kind === 'gap' ? [entry] : []));
  }
});

/** At most 150 seconds: disks are looked at once in a while, and machines are shared. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 150_000; !(await done()); await sleep(50)) {
    if (Date.now() > end) throw new Error('it did not come to pass');
  }
}

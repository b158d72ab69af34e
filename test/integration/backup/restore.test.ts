import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareBinaries } from '../../../src/foundation/postgres/embedded/binaries.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { copyToAll } from '../../../src/operator/backup/copy/all.ts';
import { backupStatus, type BackupStatus } from '../../../src/operator/backup/status.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { rehearse } from '../../../src/operator/backup/rehearse.ts';
import { openRepository, readCatalogues, type BackupEntry } from '../../../src/operator/backup/repository.ts';
import {
  readyRestore,
  rehearseCopy,
  restoreInto,
  type RestoreRequest,
} from '../../../src/operator/backup/restore/run.ts';
import type { Site } from '../../../src/operator/backup/restore/site.ts';
import { archiveNow } from '../../../src/operator/backup/restore/tail.ts';
import { scratchHome } from '../../../src/operator/backup/restore/scratch-home.ts';
import { startScratch } from '../../../src/operator/backup/restore/scratch.ts';
import { instantText, parseInstant, type RestoreTarget } from '../../../src/operator/backup/restore/target.ts';
import { listening } from '../../support/archive.ts';
import { startS3 } from '../../support/s3.ts';
import { startArchivedCluster, type ArchivedCluster } from '../../support/archived-cluster.ts';

describe('a restore from a store', () => {
  let archived: ArchivedCluster;
  let first: BackupEntry;
  /** Commit times of rows 1 to 40 in microseconds; the second base backup is taken after the 20th. */
  let micros: number[];
  let second: BackupEntry;

  beforeAll(async () => {
    archived = await startArchivedCluster();
    const session = await Session.open(archived.cluster.adminAddress, { applicationName: 'restore test' });
    await session.script('create table sales (id integer primary key)');
    first = await archived.backup();
    for (let id = 1; id <= 40; id++) {
      await session.rows('insert into sales values ($1)', [id]);
      if (id % 5 === 0) await session.rows('select pg_switch_wal()');
      if (id === 20) second = await archived.backup();
    }
    const rows = await session.rows<{ micros: string }>(
      `select (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint::text as micros from sales order by id`,
    );
    micros = rows.map((row) => Number(row.micros));
    await session.close();
    await archived.archiveAll();
  });

  afterAll(async () => {
    await archived.stop();
  });

  const at = (id: number): RestoreTarget => ({ kind: 'time', micros: micros[id - 1] ?? 0 });

  function request(target: RestoreTarget, more: Partial<RestoreRequest> = {}): RestoreRequest {
    const { repository, identities, home } = archived;
    return {
      repository,
      identities,
      target,
      site: undefined,
      scratch: path.join(home, 'scratch'),
      into: path.join(home, 'restored'),
      ...more,
    };
  }

  test('begins at the newest base before the target', async () => {
    const early = await readyRestore(request(at(10)), listening());
    expect(early.plan).toMatchObject({ backup: first.label, timeline: 1 });
    const late = await readyRestore(request(at(30)), listening());
    expect(late.plan.backup).toBe(second.label);
    expect(late.plan.segments).toBeLessThan(early.plan.segments);
  });

  test('gives what was there at the second, proved', async () => {
    const report = await rehearseCopy(await readyRestore(request(at(10)), listening()), listening<BackupObservation>());
    expect(report).toMatchObject({
      backup: first.label,
      lastCommit: instantText(micros[9] ?? 0),
      nextCommit: instantText(micros[10] ?? 0),
    });
    expect(report.counts).toEqual({ 'postgres.public.sales': 10 });
    expect(report.databases[0]?.checkedIndexes).toBeGreaterThan(100);
    expect(await readdir(path.join(archived.home, 'scratch'))).toEqual([]);
  });

  test('needs only the store and the key, and leaves a cluster that starts by itself', async () => {
    const bare = mkdtempSync(path.join(archived.home, 'fresh-'));
    const repository = await openRepository({
      directory: path.join(archived.home, 'backups'),
      home: { directory: path.join(bare, 'none') },
      keyFile: archived.keyFile,
    });
    const into = path.join(archived.home, 'new-machine');
    const report = await restoreInto(
      await readyRestore(request({ kind: 'latest' }, { repository, into, scratch: undefined }), listening()),
      into,
      listening(),
    );
    expect(report).toMatchObject({ into, backup: second.label, rows: 40 });
    expect(await readdir(path.join(into, 'pg_wal', 'archive_status'))).toContain('00000002.history.ready');
    expect(await readdir(into)).not.toContain('standby.signal');
    const runAs = await serviceUser();
    const scratch = await startScratch({
      home: await scratchHome(archived.home, runAs),
      data: into,
      binaries: await prepareBinaries({ runAs }),
      runAs,
      signal: new AbortController().signal,
    });
    const [row] = await scratch.ask('postgres', (session) =>
      session.rows('select count(*)::integer as rows, max(id) as last, pg_is_in_recovery() as recovering from sales'),
    );
    await scratch.stop();
    expect(row).toEqual({ rows: 40, last: 40, recovering: false });
  });

  test('needs no more than an address on S3 and the key, of which status tells as well', async () => {
    const s3 = await startS3();
    const { home, keyFile } = archived;
    const bare = mkdtempSync(path.join(home, 'bare-'));
    chmodSync(bare, 0o755); // Postgres passes through it
    const credentialsFile = path.join(bare, 's3.credentials');
    await writeFile(credentialsFile, 'accessKeyId=S3RVER\nsecretAccessKey=S3RVER\n', { mode: 0o600 });
    const endpoint = `http://127.0.0.1:${s3.port}`;
    const stores = [{ url: 's3://backups/shop', endpoint, credentialsFile }];
    const here = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') }, stores };
    expect((await copyToAll(here, listening())).failure).toBeUndefined();

    const from = `s3://backups/shop?endpoint=${endpoint}&credentialsFile=${credentialsFile}`;
    const there = { directory: path.join(bare, 'none'), home: { directory: path.join(bare, 'own') }, from };
    const repository = await openRepository({ ...there, keyFile });
    const into = path.join(bare, 'restored');
    const asked = request({ kind: 'latest' }, { repository, into, scratch: undefined });
    expect(await restoreInto(await readyRestore(asked, listening()), into, listening())).toMatchObject({ rows: 40 });

    const told = async (key?: string): Promise<BackupStatus> => {
      const { signal } = new AbortController();
      return backupStatus({ place: { ...there, keyFile: key }, data: undefined, now: Date.now(), signal });
    };
    const known = await told(keyFile);
    expect(known).toMatchObject({
      standing: { where: 's3://backups/shop', unknownKey: null, timeline: 1 },
      stores: [],
    });
    expect(known.line).toContain('you can return to any second between');
    expect(known.problems.join()).not.toContain('vouches');
    expect((await told()).problems[0]).toContain('nobody here vouches for it');
    expect(await readdir(bare)).not.toContain('none');
    await s3.stop();
    rmSync(bare, { recursive: true });
  });

  test.runIf(process.getuid?.() === 0)('by root follows no link that the user of Postgres leaves', async () => {
    const { home } = archived;
    const [owned, secret] = ['owned', 'secret'].map((name) => path.join(home, name));
    if (owned === undefined || secret === undefined) throw new Error('no such name');
    for (const file of [owned, secret]) await writeFile(file, 'of root alone', { mode: 0o600 });
    const { uid, gid } = (await serviceUser()) ?? { uid: 0, gid: 0 };
    const parent = mkdtempSync(path.join(home, 'links-'));
    chmodSync(parent, 0o755);
    const planted: string[] = [];
    /** In every directory of the copy that lets that user, at each moment that we hear of. */
    const attack = (): void => {
      const script = `for d in "$0"/*/ "$0"/*/data/ "$0"/*/wal/; do
        ln -sfn "$1" "$d/postgres.log"; ln -sfn "$2" "$d/postgresql.auto.conf.set-aside"; ln -sfn "$1" "$d/restore-wal.pl"
        ln -sfn "$1" "$d/pg_wal/archive_status/00000002.history.ready"; [ -L "$d/postgres.log" ] && echo "$d"; done; true`;
      planted.push(execFileSync('sh', ['-c', script, parent, owned, secret], { uid, gid, stdio: 'pipe' }).toString());
    };
    const into = path.join(parent, 'restored');
    const ready = await readyRestore(request({ kind: 'latest' }, { into, scratch: parent }), listening());
    await restoreInto(ready, into, { ...listening<BackupObservation>(), observe: attack });
    expect(planted.join('')).toContain('/data/'); // its own, when it was given away, and nothing else
    expect(planted.join('')).not.toMatch(/scratch-[^/]*\/(wal\/)?\n/);
    for (const file of [owned, secret]) {
      expect(await stat(file)).toMatchObject({ uid: 0, mode: 0o100600 });
      expect(await readFile(file, 'utf8')).toBe('of root alone');
    }
    expect(await readFile(path.join(into, 'postgresql.auto.conf'), 'utf8')).not.toContain('of root');
  });

  test('is rehearsed to a random second, and its evidence is signed for', async () => {
    const { repository, identities, home } = archived;
    const scratch = path.join(home, 'scratch');
    const report = await rehearse({ repository, identities, scratch, record: true }, listening());
    expect(Date.parse(report.target)).toBeGreaterThanOrEqual(Math.floor(Date.parse(first.finishedAt) / 1000) * 1000);
    expect(report.counts['postgres.public.sales']).toBe(
      micros.filter((each) => each <= parseInstant(report.target)).length,
    );
    const evidence = await readFile(report.evidence?.file ?? '');
    expect(createHash('sha256').update(evidence).digest('hex')).toBe(report.evidence?.sha256);
    const [{ documents } = { documents: [] }] = await readCatalogues(repository, new AbortController().signal);
    expect(documents.at(-1)?.entry).toMatchObject({
      kind: 'rehearsed',
      ok: true,
      evidenceSha256: report.evidence?.sha256,
      reached: report.lsn,
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  test('that a rehearsal could not do is written down, too', async () => {
    const { repository, identities } = archived;
    const input = { repository, identities, scratch: path.join(archived.home, 'recovery.key'), record: true };
    await expect(rehearse(input, listening())).rejects.toThrow('EEXIST');
    const [{ documents } = { documents: [] }] = await readCatalogues(repository, new AbortController().signal);
    expect(documents.at(-1)?.entry).toMatchObject({ kind: 'rehearsed', ok: false, code: 'BUG' });
  });

  test('finds what waits in the spool, and what a killed server had not archived', async () => {
    const { cluster, home } = archived;
    const session = await Session.open(cluster.adminAddress, { applicationName: 'restore test' });
    await session.rows('insert into sales values (41)');
    expect(await archiveNow(cluster.adminAddress, new AbortController().signal)).toBe(true);
    await session.rows('insert into sales values (42)');
    await session.close();
    await cluster.kill('SIGKILL');
    const data = path.join(cluster.directory, 'data');
    const site: Site = {
      kind: 'up',
      name: 'test',
      data,
      runAs: await serviceUser(),
      spool: path.join(home, 'spool'),
      scratch: path.join(home, 'scratch'),
      journal: path.join(home, 'restore.json'),
      isRunning: async () => false,
      stop: async () => ({ release: async () => undefined }),
      start: async () => false,
    };
    const held = async (more: Partial<RestoreRequest>): Promise<unknown> => {
      const ready = await readyRestore(request({ kind: 'latest' }, { into: undefined, ...more }), listening());
      return (await rehearseCopy(ready, listening())).counts['postgres.public.sales'];
    };
    expect(await held({ into: path.join(home, 'elsewhere') })).toBe(40);
    expect(await held({ site })).toBe(42);
    await cluster.restart();
    // A cluster that runs archives by itself: its files may change under our hands.
    expect(await held({ site: { ...site, isRunning: async () => true } })).toBe(41);
  });

  describe('is refused', () => {
    test('for a moment in the future, and one before the first backup ended', async () => {
      const soon = { kind: 'time', micros: (Date.now() + 60_000) * 1000 } as const;
      await expect(readyRestore(request(soon), listening())).rejects.toMatchObject({ code: 'USAGE' });
      const early = { kind: 'time', micros: Date.parse(first.finishedAt) * 1000 - 1 } as const;
      await expect(readyRestore(request(early), listening())).rejects.toMatchObject({
        code: 'BACKUP_MISSING',
        hint: expect.stringContaining(instantText(Date.parse(first.finishedAt) * 1000)) as string,
      });
    });

    test('into a directory with files in it', async () => {
      await expect(readyRestore(request(at(10), { into: archived.home }), listening())).rejects.toMatchObject({
        code: 'PRECONDITION_FAILED',
      });
    });

    /** A copy of the store of which one segment after the second base is not as it was. */
    async function damaged(change: (file: string) => Promise<void>) {
      const directory = mkdtempSync(path.join(archived.home, 'damaged-'));
      await cp(path.join(archived.home, 'backups'), directory, { recursive: true });
      const wal = path.join(directory, archived.systemId, 'wal', '00000001', '00000000');
      const files = (await readdir(wal)).toSorted();
      await change(path.join(wal, files.at(-3) ?? ''));
      const repository = await openRepository({
        directory,
        home: { directory: path.join(directory, 'none') },
        keyFile: archived.keyFile,
      });
      return {
        repository,
        file: files.at(-3)?.replace('.vbk', '') ?? '',
        remove: () => rmSync(directory, { recursive: true }),
      };
    }

    test.each([{ kind: 'latest' } as const, 'time' as const])(
      '(%o) before anything is unpacked when a segment is missing',
      async (to) => {
        const { repository, file, remove } = await damaged(rm);
        const target = to === 'time' ? at(40) : to;
        await expect(readyRestore(request(target, { repository }), listening())).rejects.toMatchObject({
          code: 'RESTORE_UNREACHABLE',
          details: { file },
        });
        remove();
      },
    );

    test.each([
      ['cut', async (file: string) => truncate(file, (await stat(file)).size - 1)],
      [
        'changed',
        async (file: string) =>
          writeFile(
            file,
            (await readFile(file)).map((byte, index) => (index === 3000 ? byte ^ 1 : byte)),
          ),
      ],
    ])('for the latest commit when a segment was %s', async (_what, change) => {
      const { repository, remove } = await damaged(change);
      const ready = await readyRestore(request({ kind: 'latest' }, { repository }), listening());
      await expect(rehearseCopy(ready, listening())).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
      expect(await readdir(path.join(archived.home, 'scratch'))).toEqual([]);
      remove();
    });
  });
});

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod, chown, copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock, type JobContext } from '../../../src/foundation/core/observe.ts';
import { sleep } from '../../../src/foundation/core/sleep.ts';
import { prepareBinaries } from '../../../src/foundation/postgres/embedded/binaries.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { createBackup } from '../../../src/operator/backup/create.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { makeRecoveryKey, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository, type BackupEntry, type Repository } from '../../../src/operator/backup/repository.ts';
import { restoreBackup } from '../../../src/operator/backup/restore.ts';
import { checkIndexes, countRows } from '../../../src/operator/backup/restore/proof.ts';
import { promote, replay } from '../../../src/operator/backup/restore/recovery.ts';
import { scratchHome } from '../../../src/operator/backup/restore/scratch-home.ts';
import { parseLsn } from '../../../src/operator/backup/names.ts';
import type { RestoreTarget } from '../../../src/operator/backup/restore/target.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

/** Rounds of random instants; `VECTABASE_PITR_ROUNDS=20` for the proof. */
const ROUNDS = Number(process.env['VECTABASE_PITR_ROUNDS'] ?? 3);

describe('a replay on a copy', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-pitr-'));
  const archive = path.join(home, 'archive');
  const place = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') } };
  let cluster: TestCluster;
  let input: {
    repository: Repository;
    entry: BackupEntry;
    identities: Awaited<ReturnType<typeof readRecoveryKey>>;
  };
  /** Marker n was committed at this microsecond. */
  let markers: Array<{ id: number; micros: number; xid: string; lsn: string }>;
  let segments: string[];

  beforeAll(async () => {
    chmodSync(home, 0o755);
    mkdirSync(archive);
    const runAs = await serviceUser();
    if (runAs) await chown(archive, runAs.uid, runAs.gid);
    cluster = await startTestCluster({
      settings: {
        full_page_writes: 'on',
        track_commit_timestamp: 'on',
        archive_mode: 'on',
        archive_command: `cp %p ${archive}/%f`,
      },
    });
    const session = await Session.open(cluster.adminAddress, { applicationName: 'pitr test' });
    await session.script(
      'create table marks (id integer primary key, note text default repeat(md5(random()::text), 100))',
    );
    await makeRecoveryKey(place.home, path.join(home, 'recovery.key'), Date.now());
    const repository = await openRepository(place);
    const identities = await readRecoveryKey(path.join(home, 'recovery.key'));
    const entry = await createBackup({ address: cluster.adminAddress, repository }, quiet());
    input = { repository, entry, identities };
    const load = await startLoad(cluster);
    for (let id = 1; id <= 60; id++) {
      await session.rows('insert into marks (id) values ($1)', [id]);
      if (id % 20 === 0) await session.rows('select pg_switch_wal()');
      if (id === 30) await session.rows(`select pg_create_restore_point('half way')`);
      await sleep(10);
    }
    await load.stop();
    const rows = await session.rows<{ id: number; micros: string; xid: string }>(
      `select id, xmin::text as xid, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint::text as micros
         from marks order by id`,
    );
    const [end] = await session.rows<{ lsn: string }>('select pg_switch_wal()::text as lsn');
    markers = rows.map(({ id, micros, xid }) => ({ id, micros: Number(micros), xid, lsn: end?.lsn ?? '' }));
    await archived(session, end?.lsn ?? '');
    segments = (await readdir(archive)).filter((name) => /^[0-9A-F]{24}$/.test(name)).toSorted();
    await session.close();
  });

  afterAll(async () => {
    await cluster.stop();
    rmSync(home, { recursive: true });
  });

  test('holds what was committed at random instants, and nothing later', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const at = 1 + Math.floor(Math.random() * (markers.length - 2));
      const [before, after] = [markers[at], markers[at + 1]];
      if (!before || !after) throw new Error('no such marker');
      const micros = before.micros + Math.floor(Math.random() * (after.micros - before.micros));
      await onCopy({ kind: 'time', micros }, archive, async (ids) => expect(ids).toEqual(upTo(before.id)));
    }
  });

  test('a commit at the very microsecond is kept, the one after it is not', async () => {
    const [mark] = markers.slice(40);
    await onCopy({ kind: 'time', micros: mark?.micros ?? 0 }, archive, async (ids) => expect(ids).toEqual(upTo(41)));
    await onCopy({ kind: 'time', micros: (mark?.micros ?? 0) - 1 }, archive, async (ids) =>
      expect(ids).toEqual(upTo(40)),
    );
  });

  test('stops at a named point and at a transaction', async () => {
    await onCopy({ kind: 'name', name: 'half way' }, archive, async (ids) => expect(ids).toEqual(upTo(30)));
    const xid = BigInt(markers[9]?.xid ?? 0);
    await onCopy({ kind: 'xid', xid }, archive, async (ids) => expect(ids.at(-1)).toBe(10));
  });

  test('to the latest commit gives all of it, and is a sound primary when it was promoted', async () => {
    await onCopy({ kind: 'latest' }, archive, async (ids, scratch) => {
      expect(ids).toEqual(upTo(60));
      await promote(scratch, new AbortController().signal);
      const [indexes, counts] = [await checkIndexes(scratch), await countRows(scratch)];
      expect(indexes['postgres']).toBeGreaterThan(100);
      expect(counts).toMatchObject({ 'postgres.public.marks': 60 });
      await scratch.ask('postgres', (session) => session.rows('insert into marks (id) values (61)'));
      expect(
        await scratch.ask('postgres', (session) => session.rows(`select from pg_extension where extname = 'amcheck'`)),
      ).toEqual([]);
    });
  });

  describe('is refused', () => {
    /** A copy of the archive of which one file in the middle is not as it was. */
    async function damaged(change: (file: string) => Promise<void>): Promise<string> {
      const copy = mkdtempSync(path.join(home, 'damaged-'));
      chmodSync(copy, 0o755);
      for (const name of segments) {
        await copyFile(path.join(archive, name), path.join(copy, name));
        await chmod(path.join(copy, name), 0o644);
      }
      await change(path.join(copy, segments[Math.floor(segments.length / 2)] ?? ''));
      return copy;
    }

    test.each([{ kind: 'latest' } as const, 'time' as const])(
      '(%o) with a segment missing in the middle',
      async (to) => {
        const target = to === 'time' ? ({ kind: 'time', micros: markers[50]?.micros ?? 0 } as const) : to;
        await expect(onCopy(target, await damaged((file) => rm(file)), nothing)).rejects.toMatchObject({
          code: 'BACKUP_DAMAGED',
          details: { file: segments[Math.floor(segments.length / 2)] },
        });
      },
    );

    test('(latest) with a segment cut short', async () => {
      const cut = async (file: string): Promise<void> => writeFile(file, (await readFile(file)).subarray(0, 8192 * 5));
      await expect(onCopy({ kind: 'latest' }, await damaged(cut), nothing)).rejects.toMatchObject({
        code: expect.stringMatching(/RESTORE_UNPROVEN|BACKUP_DAMAGED/) as string,
      });
    });

    test('for a moment after the last commit', async () => {
      const micros = (Date.now() + 3_600_000) * 1000;
      await expect(onCopy({ kind: 'time', micros }, archive, nothing)).rejects.toMatchObject({
        code: 'RESTORE_UNREACHABLE',
        hint: expect.stringContaining('--latest') as string,
      });
    });

    test('for a moment before the base ends, although Postgres would go there', async () => {
      const micros = (markers[0]?.micros ?? 0) - 60_000_000;
      await expect(onCopy({ kind: 'time', micros }, archive, nothing)).rejects.toMatchObject({
        code: 'RESTORE_UNPROVEN',
      });
    });
  });

  async function onCopy(
    target: RestoreTarget,
    wal: string,
    look: (ids: number[], scratch: Awaited<ReturnType<typeof replay>>['scratch']) => Promise<void>,
  ): Promise<void> {
    const runAs = await serviceUser();
    const own = await scratchHome(path.join(home, 'scratch'), runAs);
    const data = path.join(own, 'data');
    try {
      await restoreBackup({ ...input, into: data, owner: runAs, durable: false }, quiet());
      const { scratch } = await replay(
        {
          id: 'test',
          home: own,
          data,
          binaries: await prepareBinaries({ runAs }),
          runAs,
          target,
          timeline: 1,
          base: { end: parseLsn(input.entry.end.lsn) ?? 0n, stoppedAt: Date.parse(input.entry.finishedAt) },
          stuckMs: 10_000,
          expectedEnd: parseLsn(markers[0]?.lsn ?? ''),
          restoreCommand: await fetchFrom(wal, segments.at(-1) ?? ''),
        },
        quiet(),
      );
      try {
        const rows = await scratch.ask('postgres', (session) =>
          session.rows<{ id: number }>('select id from marks order by id'),
        );
        await look(
          rows.map(({ id }) => id),
          scratch,
        );
      } finally {
        await scratch.stop();
      }
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }

  /** As the client does: 1 only for what is past the end of the archive, 200 for what should be there. */
  async function fetchFrom(wal: string, last: string): Promise<string> {
    const script = path.join(mkdtempSync(path.join(home, 'fetch-')), 'fetch.sh');
    const past = `case $1 in *.history|*.backup) exit 1;; esac; [ "$1" \\> ${last} ] && exit 1; exit 200`;
    await writeFile(script, `cp ${wal}/"$1" "$2" 2>/dev/null && exit 0; ${past}\n`);
    chmodSync(path.dirname(script), 0o755);
    return `sh ${script} %f %p`;
  }
});

async function nothing(): Promise<void> {
  throw new Error('the replay should not have come to rest');
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

function quiet(): JobContext<BackupObservation> {
  return { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
}

/** Writes beside the markers, so that there are commits between them. */
async function startLoad(cluster: TestCluster) {
  const session = await Session.open(cluster.adminAddress, { applicationName: 'pitr load' });
  await session.script('create table load (id bigserial primary key, note text)');
  const state = { going: true };
  const written = (async () => {
    while (state.going)
      await session.rows(`insert into load (note) select repeat('x', 500) from generate_series(1, 50)`);
    await session.close();
  })();
  return {
    stop: async () => {
      state.going = false;
      await written;
    },
  };
}

async function archived(session: Session, lsn: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const [row] = await session.rows<{ done: boolean }>(
      `select coalesce(last_archived_wal >= pg_walfile_name($1::pg_lsn), false) as done from pg_stat_archiver`,
      [lsn],
    );
    if (row?.done === true) return;
    await sleep(50);
  }
  throw new Error('the WAL was not archived');
}

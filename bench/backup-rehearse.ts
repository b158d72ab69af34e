import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sleep } from '../src/foundation/core/sleep.ts';
import { prepareBinaries } from '../src/foundation/postgres/embedded/binaries.ts';
import { startServer } from '../src/foundation/postgres/embedded/server.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import { run } from '../src/foundation/process/run.ts';
import { serviceUser } from '../src/foundation/process/service-user.ts';
import { decryptFile } from '../src/operator/backup/decrypt.ts';
import { openWith } from '../src/operator/backup/epochs.ts';
import { baseObject, formatWalFile, storeKey, walFileOf } from '../src/operator/backup/names.ts';
import type { BackupObservation } from '../src/operator/backup/observations.ts';
import { objectKey, type BackupEntry } from '../src/operator/backup/repository.ts';
import { instantText } from '../src/operator/backup/restore/target.ts';
import { readyRestore, rehearseCopy } from '../src/operator/backup/restore/run.ts';
import { listening } from '../test/support/archive.ts';
import { startArchivedCluster, type ArchivedCluster } from '../test/support/archived-cluster.ts';
import { cpuSeconds, machine, median, range, saveResult, table } from './report.ts';

/** Seconds by the clock and of the processor, of this process and of those that it waited for. */
interface Taken {
  readonly wall: number;
  readonly cpu: number;
}

/**
 * A base of `scale` × 15 MB and WAL, from the store to a scratch instance with every row read and every index walked, in
 * turns with the least that it can cost: `tar` of the plain archive, Postgres with `cp` for its restore_command, the rows
 * counted. No encryption, no checksums, no proof.
 */
export async function benchRehearse(size: { rounds: number; scale: number; walMegabytes: number }): Promise<void> {
  const archived = await startArchivedCluster({ max_wal_size: '4GB' });
  try {
    const { entry, micros, megabytes } = await fill(archived, size);
    const plain = await unsealed(archived, entry);
    const ours: Taken[] = [];
    const floor: Taken[] = [];
    const stages: Record<string, number[]> = {};
    for (let round = 0; round < size.rounds; round++) {
      ours.push(await timed(async () => rehearseOnce(archived, micros, stages)));
      floor.push(await timed(async () => floorOnce(archived, plain, micros)));
    }
    const row = (name: string, each: readonly Taken[]): string[] => {
      const [wall, cpu] = [each.map((one) => one.wall), each.map((one) => one.cpu)];
      return [name, median(wall).toFixed(2), range(wall), median(cpu).toFixed(2)];
    };
    process.stdout.write(
      `${machine()}\n${megabytes} MB and ${size.walMegabytes} MB of WAL, ${size.rounds} rounds in turns\n`,
    );
    process.stdout.write(
      table(
        ['', 'seconds', '', 'of a core'],
        [
          row('rehearsal: opened, replayed, proved', ours),
          ...Object.entries(stages).map(([name, ms]) => [`  ${name}`, (median(ms) / 1000).toFixed(2), '', '']),
          row('tar, cp and postgres, rows counted', floor),
        ],
      ),
    );
    const ratio = (of: keyof Taken): string =>
      median(ours.map((each, index) => each[of] / (floor[index]?.[of] ?? NaN))).toFixed(2);
    process.stdout.write(`against that floor: ${ratio('wall')} by the clock, ${ratio('cpu')} of the processor\n`);
    saveResult('backup-rehearse', { ...size, megabytes, ours, floor, stages });
  } finally {
    await archived.stop();
  }
}

async function fill(
  archived: ArchivedCluster,
  { scale, walMegabytes }: { scale: number; walMegabytes: number },
): Promise<{ entry: BackupEntry; micros: number; megabytes: number }> {
  const session = await Session.open(archived.cluster.adminAddress, { applicationName: 'bench' });
  const number = async (sql: string): Promise<number> =>
    Number((await session.rows<{ value: string }>(`select (${sql})::bigint::text as value`))[0]?.value);
  try {
    await session.script(`create table accounts (id integer primary key, branch integer, balance integer, filler char(84));
      insert into accounts select n, n % ${scale}, 0, md5(n::text) from generate_series(1, ${scale} * 100000) n`);
    for (const each of ['vacuum analyze accounts', 'checkpoint']) await session.rows(each);
    const megabytes = await number(`pg_database_size('postgres') / 1000000`);
    const entry = await archived.backup();
    const start = await number(`pg_current_wal_lsn() - '0/0'`);
    const written = `(pg_current_wal_lsn() - '0/0' - ${start}) / 1000000`;
    for (let at = 0; (await number(written)) < walMegabytes; at += 2_000)
      // Neighbours: an update of rows all over would write each page of the table once, whatever was asked for.
      await session.rows(`update accounts set balance = balance + 1 where id between ${at} and ${at + 2_000}`);
    await sleep(200);
    const micros = await number('extract(epoch from clock_timestamp()) * 1000000');
    await sleep(200);
    await session.rows('create table after_it ()');
    await archived.archiveAll();
    return { entry, micros, megabytes };
  } finally {
    await session.close();
  }
}

async function rehearseOnce(
  { repository, identities, home }: ArchivedCluster,
  micros: number,
  stages: Record<string, number[]>,
): Promise<void> {
  const ctx = listening<BackupObservation>();
  const began = performance.now();
  const target = { kind: 'time', micros } as const;
  const request = { repository, identities, target, site: undefined, scratch: path.join(home, 'scratch') };
  const ready = await readyRestore(request, ctx);
  const planned = performance.now() - began;
  const { restoreMs, replayMs, ms } = await rehearseCopy(ready, ctx);
  const told = ctx.told.find(({ event }) => event === 'backup.proof.finished');
  const countMs = told && 'ms' in told ? (told.ms ?? 0) : 0;
  const all = performance.now() - began;
  const proveMs = ms - restoreMs - replayMs - countMs;
  const named = { plan: planned, unpack: restoreMs, replay: replayMs, count: countMs, 'promote and walk': proveMs };
  for (const [name, each] of Object.entries({ ...named, 'take away': all - planned - ms }))
    (stages[name] ??= []).push(each);
}

/** The archive and the WAL as they were before they were sealed. */
async function unsealed(
  { repository, identities, systemId, home }: ArchivedCluster,
  entry: BackupEntry,
): Promise<string> {
  const { store } = repository;
  const plain = path.join(home, 'plain');
  const { signal } = new AbortController();
  await mkdir(plain);
  await chmod(plain, 0o755);
  const open = async (key: string, name: string): Promise<void> => {
    const sink = path.join(plain, name);
    await decryptFile({ file: store.fileOf?.(key) ?? '', opener: openWith(identities), sink }, signal);
    await chmod(sink, 0o644);
  };
  await open(objectKey(entry, baseObject(entry.label, 'base.tar')), 'base.tar');
  for await (const { key } of store.list(storeKey(systemId, 'wal/').replace(/\.vbk$/, ''))) {
    const file = walFileOf(key.slice(systemId.length + 1).replace(/\.vbk$/, ''));
    if (file) await open(key, formatWalFile(file));
  }
  return plain;
}

async function floorOnce({ home }: ArchivedCluster, plain: string, micros: number): Promise<void> {
  const runAs = await serviceUser();
  const data = path.join(home, 'floor');
  await mkdir(data, { mode: 0o700 });
  if (runAs) await chown(data, runAs.uid, runAs.gid);
  await run(['tar', '-xf', path.join(plain, 'base.tar'), '-C', data], { runAs });
  const signalFile = path.join(data, 'recovery.signal');
  await writeFile(signalFile, '');
  if (runAs) await chown(signalFile, runAs.uid, runAs.gid);
  const socketDirectory = path.join(home, 'socket-of-floor');
  await mkdir(socketDirectory, { recursive: true });
  if (runAs) await chown(socketDirectory, runAs.uid, runAs.gid);
  await writeFile(path.join(home, 'floor.hba'), 'local all all trust\n');
  const server = await startServer({
    binaries: await prepareBinaries({ runAs }),
    runAs,
    data,
    socketDirectory,
    port: 5432,
    listenAddresses: [],
    logFile: path.join(home, 'floor.log'),
    standby: true,
    settings: {
      hba_file: path.join(home, 'floor.hba'),
      fsync: 'off',
      archive_mode: 'off',
      restore_command: `cp ${plain}/%f %p`,
      recovery_target_time: instantText(micros),
      recovery_target_action: 'pause',
    },
  });
  const session = await Session.open(
    {
      host: socketDirectory,
      port: 5432,
      user: 'supabase_admin',
      database: 'postgres',
      password: undefined,
      sslMode: 'disable',
      rootCertificate: undefined,
    },
    { applicationName: 'floor' },
  );
  for (let state = ''; state !== 'paused'; await sleep(20))
    state = (await session.rows<{ state: string }>('select pg_get_wal_replay_pause_state() as state'))[0]?.state ?? '';
  await session.rows('select count(*) from accounts');
  await session.close();
  await server.stop();
  await rm(data, { recursive: true });
}

async function timed(work: () => Promise<void>): Promise<Taken> {
  const [cpu, began] = [cpuSeconds(), performance.now()];
  await work();
  return { wall: (performance.now() - began) / 1000, cpu: cpuSeconds() - cpu };
}

import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '../src/foundation/core/observe.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import { serviceUser } from '../src/foundation/process/service-user.ts';
import { serveArchive } from '../src/operator/backup/archive/archive-server.ts';
import { Spool } from '../src/operator/backup/archive/spool.ts';
import { openFile, sealFile } from '../src/operator/backup/container.ts';
import { Epochs, newEpoch, openWith } from '../src/operator/backup/epochs.ts';
import { listening, newKeys } from '../test/support/archive.ts';
import { startTestCluster } from '../test/support/cluster.ts';
import { cpuSeconds, machine, median, saveResult, table } from './report.ts';

const SEGMENT = 16 * 1024 * 1024;

/** Milliseconds by the clock, and of a core. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

interface Times {
  readonly client: Cost[];
  readonly floor: Cost[];
  readonly again: Cost[];
}

/**
 * Real segments of a mixed load go through the client and the socket, as `archive_command` runs them, in turns with
 * `cp` and `sync`: what Postgres' own manual proposes and a disk can do at best. Then sealing and opening by themselves.
 */
export async function benchArchive({ rounds, segments }: { rounds: number; segments: number }): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-bench-'));
  chmodSync(home, 0o711);
  try {
    const { files, systemId } = await makeSegments(path.join(home, 'wal'), segments);
    process.stdout.write(`${machine()}\n${files.length} segments, ${rounds} rounds, in turns\n`);
    const times: Times = { client: [], floor: [], again: [] };
    let sealedBytes = 0;
    for (let round = 0; round < rounds; round++) sealedBytes = await oneRound(home, { files, systemId }, times);
    const rows = [
      ['perl client to the socket, sealed and proved', ...figures(times.client)],
      ['the same file again', ...figures(times.again)],
      ['cp and sync', ...figures(times.floor)],
    ];
    process.stdout.write(table(['ms for a segment of 16 MB', 'p50', 'p99', 'most', 'of a core'], rows));
    const ratio = median(times.client.map(({ wall }, index) => wall / (times.floor[index]?.wall ?? NaN)));
    const ratioCpu = mean(times.client) / mean(times.floor);
    const compression = (files.length * SEGMENT) / sealedBytes;
    const ratios = `${ratio.toFixed(2)} by the clock, ${ratioCpu.toFixed(2)} of the processor`;
    process.stdout.write(`against cp and sync: ${ratios}; compressed ${compression.toFixed(1)} times\n`);
    const speeds = await throughput(home, files, rounds);
    process.stdout.write(
      table(
        ['MB of WAL a second', ''],
        Object.entries(speeds).map(([name, mb]) => [name, mb.toFixed(0)]),
      ),
    );
    saveResult('backup-archive', { rounds, segments: files.length, times, ratio, ratioCpu, compression, speeds });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function oneRound(home: string, wal: { files: string[]; systemId: string }, times: Times): Promise<number> {
  const directory = path.join(home, 'round');
  const { recipients } = await newKeys();
  const cluster = { systemId: wal.systemId, postgres: '17', segmentBytes: SEGMENT };
  const epochs = new Epochs(async () => recipients, systemClock);
  const spool = await Spool.open({ directory: path.join(directory, 'spool'), cluster, epochs, clock: systemClock });
  const archive = await serveArchive({ directory: path.join(directory, 'run'), spool: () => spool, ...listening() });
  const floor = path.join(directory, 'floor');
  mkdirSync(floor);
  for (const file of wal.files) {
    const name = path.basename(file);
    const command = archive.command.replaceAll('%p', file).replaceAll('%f', name);
    times.client.push(await timed(command));
    times.floor.push(
      await timed(
        `cp ${file} ${floor}/${name}.new && sync ${floor}/${name}.new && mv ${floor}/${name}.new ${floor}/${name} && sync ${floor}`,
      ),
    );
    times.again.push(await timed(command));
  }
  const sealedBytes = spool.waiting.reduce((sum, { receipt }) => sum + receipt.sealedBytes, 0);
  await archive.close();
  await rm(directory, { recursive: true });
  return sealedBytes;
}

/** A command line, run by sh as Postgres does; what it makes us do counts as its own. */
async function timed(command: string): Promise<Cost> {
  const [cpu, began] = [cpuSeconds(), performance.now()];
  const code = await new Promise((resolve) =>
    spawn('sh', ['-c', command], { stdio: 'inherit' }).once('close', resolve),
  );
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}`);
  return { wall: performance.now() - began, cpu: (cpuSeconds() - cpu) * 1000 };
}

async function throughput(home: string, files: readonly string[], rounds: number): Promise<Record<string, number>> {
  const { identities, recipients } = await newKeys();
  const epoch = await newEpoch(recipients, Date.now());
  const one = await Promise.all(files.map(async (file) => readFile(file)));
  const facts = { kind: 'wal', object: 'bench', systemId: '1', postgres: '17', createdAt: '' } as const;
  const { signal } = new AbortController();
  const opener = openWith(identities);
  const targets = one.map((_, index) => path.join(home, `${index}.vbk`));
  const seal = async (index: number): Promise<void> => {
    const source = Readable.from(pieces(one[index] ?? Buffer.alloc(0)));
    await sealFile(targets[index] ?? '', source, { facts, epoch }, { signal });
  };
  const read = async (index: number): Promise<void> => {
    const opened = await openFile(targets[index] ?? '', { opener });
    await opened.read(async (plain) => {
      for await (const chunk of plain) void chunk;
    });
  };
  const authenticate = async (index: number): Promise<void> => {
    await (await openFile(targets[index] ?? '', { opener })).authenticate();
  };
  const speeds: Record<string, number[]> = {};
  const measure = async (name: string, work: (index: number) => Promise<void>, atOnce: number): Promise<void> => {
    const cpu = process.cpuUsage();
    const began = performance.now();
    const queue = [...one.keys()];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    const bytes = one.length * SEGMENT;
    (speeds[`${name}, wall`] ??= []).push(bytes / 1e3 / (performance.now() - began));
    const { user, system } = process.cpuUsage(cpu);
    (speeds[`${name}, of one core's time`] ??= []).push(bytes / (user + system));
  };
  for (let round = 0; round < rounds; round++) {
    await measure('compress and encrypt into files', seal, 1);
    await measure('decrypt and unpack, one after the other', read, 1);
    await measure('decrypt and unpack, 3 at once (level 2)', read, 3);
    await measure('decrypt alone, 3 at once', authenticate, 3);
  }
  return Object.fromEntries(Object.entries(speeds).map(([name, each]) => [name, median(each)]));
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 512 * 1024) yield bytes.subarray(at, at + 512 * 1024);
}

/** WAL of inserts, updates and full pages, as a database with users writes it. */
async function makeSegments(directory: string, count: number): Promise<{ files: string[]; systemId: string }> {
  mkdirSync(directory);
  const owner = await serviceUser();
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const settings = { full_page_writes: 'on', archive_mode: 'on', archive_command: `cp %p ${directory}/%f` };
  const cluster = await startTestCluster({ settings });
  try {
    const session = await Session.open(cluster.adminAddress, { applicationName: 'bench' });
    await session.script(`create table events (id bigserial primary key, at timestamptz default clock_timestamp(), who uuid, body jsonb);
      create index on events (who); create index on events (at)`);
    const done = (): string[] =>
      readdirSync(directory)
        .filter((name) => /^[0-9A-F]{24}$/.test(name))
        .toSorted();
    while (done().length < count + 2) {
      await session.rows(`insert into events (who, body) select gen_random_uuid(), jsonb_build_object('page', n % 50, 'token', md5(random()::text),
        'text', 'somebody looked at page ' || n) from generate_series(1, 5000) n`);
      await session.rows(`update events set body = body || '{"seen": true}' where id % 37 = (random() * 36)::int`);
      await session.rows('checkpoint');
    }
    const [row] = await session.rows<{ id: string }>('select system_identifier::text as id from pg_control_system()');
    await session.close();
    const files = done()
      .slice(1, count + 1)
      .map((name) => path.join(directory, name));
    for (const file of files) if ((await stat(file)).size !== SEGMENT) throw new Error(`${file} is not whole`);
    return { files, systemId: row?.id ?? '' };
  } finally {
    await cluster.stop();
  }
}

function figures(costs: readonly Cost[]): string[] {
  const sorted = costs.map(({ wall }) => wall).toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.ceil(share * sorted.length) - 1] ?? NaN).toFixed(0);
  return [at(0.5), at(0.99), at(1), mean(costs).toFixed(0)];
}

/** Milliseconds of a core: the kernel counts in tens, so a median would be coarse. */
function mean(costs: readonly Cost[]): number {
  return costs.reduce((sum, { cpu }) => sum + cpu, 0) / costs.length;
}

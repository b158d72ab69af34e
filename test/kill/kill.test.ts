/**
 * The promise that matters most: kill anything at any instant, type the same command with --resume, and end with zero
 * rows lost and zero doubled. Each round kills at a random event of the run, some rounds twice, some with rows changed
 * on the source in between; content is compared by another road than the engine's own.
 *
 * VECTABASE_KILL_ROUNDS (10) and VECTABASE_KILL_SEED choose how many and which.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/foundation/core/observe.ts';
import { formatDatabaseUrl } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { buildStandinSource } from '../../src/operator/demo/standin/build.ts';
import { startCli, type CliResult } from '../support/cli-events.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { contentOf, shapeOf, type Shape } from '../support/content.ts';
import { randomOf } from '../support/random.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const ROUNDS = Number(process.env['VECTABASE_KILL_ROUNDS'] ?? 10);
const SEED = Number(process.env['VECTABASE_KILL_SEED'] ?? Date.now() % 100_000);
const WEAPONS = [
  'kill migrator',
  'interrupt migrator',
  'kill source',
  'kill target',
  'cut source link',
  'cut target link',
  'cut source link in mid-message',
] as const;
type Weapon = (typeof WEAPONS)[number];

let source: TestCluster;
let target: TestCluster;
let sourceLink: TcpProxy;
let targetLink: TcpProxy;
let shape: Shape;
let folder: string;
const tally = { kills: {} as Record<string, number>, resumes: 0, begunAnew: 0, changedBetween: 0 };

beforeAll(async () => {
  source = await startTestCluster();
  target = await startTestCluster();
  const admin = await open(source, 'postgres');
  await buildStandinSource(
    admin,
    { rows: 20_000 },
    { observe: () => undefined, signal: new AbortController().signal, clock: systemClock },
  );
  // Rows in the order of their key, so that parts are ranges of it; the uuid tables of the marketplace give parts by page.
  await admin.script(`
    create table public.kill_ordered as
      select n as id, repeat(md5(n::text), 8) as body, now() - n * interval '1 s' as at from generate_series(1, 20000) n;
    alter table public.kill_ordered add primary key (id);
    alter table public.kill_ordered owner to postgres;
    analyze`);
  shape = await shapeOf(admin);
  await admin.script(`alter role postgres password 'source'`);
  await admin.close();
  await target.createDatabase('prepared');
  const prepared = await open(target, 'prepared');
  await applyTemplates(prepared, 'platform');
  await prepared.close();
  sourceLink = await TcpProxy.listen({ host: '127.0.0.1', port: source.port });
  targetLink = await TcpProxy.listen({ host: '127.0.0.1', port: target.port });
  folder = await mkdtemp(path.join(tmpdir(), 'vb-kill-'));
  await chmod(folder, 0o700);
}, 300_000);

afterAll(async () => {
  process.stderr.write(`kill test, seed ${SEED}: ${JSON.stringify(tally)}\n`);
  await sourceLink?.close();
  await targetLink?.close();
  await source?.stop();
  await target?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe(`killed at any instant (seed ${SEED})`, () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    test(`round ${round}: nothing lost, nothing doubled`, { timeout: 180_000 }, async () => {
      const random = randomOf(SEED + round * 7919);
      const database = `round_${round}`;
      await target.createDatabase(database, 'prepared');
      const args = await migrateArguments(database);
      const story: string[] = [];
      let kills = 1 + (random() < 0.4 ? 1 : 0);
      let result: CliResult | undefined;
      for (let attempt = 0; attempt < 8; attempt += 1) {
        const resume = attempt > 0 && (await hasRun(database));
        if (attempt > 0) tally[resume ? 'resumes' : 'begunAnew'] += 1;
        const weapon = kills > 0 ? (WEAPONS[Math.floor(random() * WEAPONS.length)] ?? 'kill migrator') : undefined;
        kills -= 1;
        result = await migrateUnderFire([...args, ...(resume ? ['--resume'] : [])], weapon, random, story);
        story.push(`ended ${result.code ?? result.signal}`);
        if (result.code === 0) break;
        // Before its first line in the ledger there is nothing to resume: such an interrupt ends with 130.
        const allowed = (await hasRun(database)) ? [75, 7, 4, null] : [75, 7, 4, null, 130];
        expect(allowed, `exit code after ${story.join(', ')}\n${result.stdout.slice(-600)}${result.stderr}`).toContain(
          result.code,
        );
        if (random() < 0.3) await changeSource(round * 10 + attempt);
      }
      expect(result?.code, `${story.join(', ')}\n${result?.stdout.slice(-800)}${result?.stderr}`).toBe(0);
      await expectSameContent(database, story);
    });
  }
});

async function migrateUnderFire(
  args: readonly string[],
  weapon: Weapon | undefined,
  random: () => number,
  story: string[],
): Promise<CliResult> {
  const run = startCli(args);
  let fired: Promise<void> | undefined;
  const at = 1 + Math.floor(random() * random() * 700);
  run.onEvent((count) => {
    if (count < at || fired || weapon === undefined) return;
    story.push(`${weapon} at event ${count}`);
    tally.kills[weapon] = (tally.kills[weapon] ?? 0) + 1;
    fired = fire(weapon, run.child.pid ?? 0);
  });
  const result = await run.ended;
  await fired;
  return result;
}

async function fire(weapon: Weapon, pid: number): Promise<void> {
  switch (weapon) {
    case 'kill migrator':
      process.kill(pid, 'SIGKILL');
      return;
    case 'interrupt migrator':
      process.kill(pid, 'SIGINT');
      return;
    case 'kill source':
      await source.kill('SIGKILL');
      return source.restart();
    case 'kill target':
      await target.kill('SIGKILL');
      return target.restart();
    case 'cut source link':
      return sourceLink.cut();
    case 'cut target link':
      return targetLink.cut();
    case 'cut source link in mid-message':
      return sourceLink.cutAfter(100_000);
  }
}

async function migrateArguments(database: string): Promise<string[]> {
  const sourceFile = path.join(folder, `${database}.source`);
  const targetFile = path.join(folder, `${database}.target`);
  const from = source.address('postgres', { user: 'postgres', password: 'source', tcp: true });
  await writeFile(sourceFile, formatDatabaseUrl({ ...from, port: sourceLink.port }, { password: true }), {
    mode: 0o600,
  });
  await writeFile(
    targetFile,
    formatDatabaseUrl({ ...target.address(database, { tcp: true }), port: targetLink.port }, { password: true }),
    { mode: 0o600 },
  );
  return [
    'migrate',
    '--dir',
    path.join(folder, database),
    '--source-file',
    sourceFile,
    '--target-file',
    targetFile,
    '--json',
    '--jobs',
    '2',
    '--split-above',
    '200kB',
  ];
}

/** An insert, an update and a delete, in tables that are split by key, split by page and whole. */
async function changeSource(mark: number): Promise<void> {
  const session = await open(source, 'postgres');
  await session.script(`
    set session_replication_role = replica;
    insert into public.kill_ordered values (${1_000_000 + mark}, 'late row', now()) on conflict do nothing;
    update public.kill_ordered set body = body || 'x' where id = ${(mark * 37) % 20_000};
    delete from public.kill_ordered where id = ${(mark * 91) % 20_000};
    update public.api_request_logs set endpoint = endpoint || '?' where id = (select id from public.api_request_logs order by id offset ${mark % 1000} limit 1);
    update public.profiles set display_name = display_name || '.' where id = (select id from public.profiles order by id offset ${mark % 50} limit 1);`);
  await session.close();
  tally.changedBetween += 1;
}

async function expectSameContent(database: string, story: readonly string[]): Promise<void> {
  const left = await open(source, 'postgres');
  const right = await open(target, database);
  try {
    const [here, there] = [await contentOf(right, shape), await contentOf(left, shape)];
    expect({ story, content: here }).toEqual({ story, content: there });
  } finally {
    await left.close();
    await right.close();
  }
}

async function hasRun(database: string): Promise<boolean> {
  const session = await open(target, database);
  const [row] = await session.rows(`select 1 from pg_namespace where nspname = 'vectabase_migration'`);
  await session.close();
  return row !== undefined;
}

async function open(cluster: TestCluster, database: string): Promise<Session> {
  return Session.open(cluster.address(database), { applicationName: 'kill test' });
}

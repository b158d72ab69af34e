/**
 * Who moves a database faster: `npm run bench:migrate -- [--runs 5] [--scale 1] [--jobs 2] [--only pgcopydb,verified]`.
 * Exits 1 when any move failed or left something behind. bench/README.md tells what is measured.
 */
import { parseArgs } from 'node:util';
import { createCluster } from '../test/support/trixie-postgres.ts';
import { TrixieTree } from '../test/support/trixie-tree.ts';
import { differences, fingerprint } from './compare.ts';
import { CONTESTANTS, type Contest, type Contestant } from './contestants.ts';
import { loadData, SETTINGS } from './data.ts';
import { watch, type Usage } from './processes.ts';
import { machine, mebibytes, median, range, saveResult, table } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', default: 'pgcopydb,pgdump,unverified,verified' },
  },
});
const runs = Number(flags.runs);
const scale = Number(flags.scale);
const chosen = flags.only.split(',').map((name) => {
  const contestant = CONTESTANTS[name];
  if (contestant === undefined) throw new Error(`--only knows ${Object.keys(CONTESTANTS).join(', ')}`);
  return contestant;
});

interface Run extends Omit<Usage, 'output'> {
  readonly contestant: string;
  readonly round: number;
  readonly problems: readonly string[];
}

const tree = await TrixieTree.boot();
process.once('SIGINT', () => void tree.stop().then(() => process.exit(130)));
try {
  const source = await createCluster(tree, 'source', SETTINGS);
  const target = await createCluster(tree, 'target', SETTINGS);
  const contest: Contest = { tree, source, target, jobs: Number(flags.jobs) };
  await loadData(tree, source, 'data', scale);
  const about = {
    machine: machine(),
    versions: await versions(),
    database: await source.sql('data', 'select pg_size_pretty(pg_database_size(current_database()))'),
    settings: { ...SETTINGS, fsync: 'on', wal_level: 'replica' },
    jobs: contest.jobs,
    scale,
  };
  process.stderr.write(`${JSON.stringify(about, null, 2)}\n`);
  const expected = await fingerprint(source, 'data');
  const all: Run[] = [];
  for (let round = 1; round <= runs; round += 1) {
    for (const contestant of rotate(chosen, round)) all.push(await compete(contest, contestant, round, expected));
  }
  process.stdout.write(summary(all));
  process.stdout.write(`\nload at the end: ${machine()}\n${saveResult('migrate', { ...about, runs: all })}\n`);
  if (all.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
} finally {
  await tree.stop();
}

async function compete(contest: Contest, contestant: Contestant, round: number, expected: string): Promise<Run> {
  const { source, target } = contest;
  await target.sql('postgres', 'drop database if exists data with (force)');
  await target.sql('postgres', 'create database data');
  await source.sql('postgres', 'checkpoint');
  await target.sql('postgres', 'checkpoint');
  const { output, ...usage } = await watch(contestant.start(contest));
  const problems = usage.code === 0 ? [] : [`exit code ${String(usage.code)}: ${output.slice(-2000)}`];
  problems.push(...differences(expected, await fingerprint(target, 'data')));
  process.stderr.write(
    `round ${round}  ${usage.seconds.toFixed(2).padStart(7)} s  ${mebibytes(usage.largestProcessBytes)}  ${contestant.name}\n`,
  );
  for (const problem of problems) process.stderr.write(`  ${problem}\n`);
  return { contestant: contestant.name, round, ...usage, problems };
}

/** Another one begins in each round: nobody always follows the same neighbour. */
function rotate<T>(list: readonly T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length]).filter((item) => item !== undefined);
}

function summary(all: readonly Run[]): string {
  const anchor = new Map(
    all.filter(({ contestant }) => contestant === CONTESTANTS['pgcopydb']?.name).map((run) => [run.round, run.seconds]),
  );
  const rows = chosen.map(({ name }) => {
    const mine = all.filter(({ contestant }) => contestant === name);
    const seconds = mine.map((run) => run.seconds);
    const ratios = mine.flatMap((run) => (anchor.has(run.round) ? [run.seconds / (anchor.get(run.round) ?? NaN)] : []));
    return [
      name,
      median(seconds).toFixed(2),
      range(seconds),
      ratios.length === 0 ? '–' : median(ratios).toFixed(2),
      mebibytes(Math.max(...mine.map((run) => run.largestProcessBytes))),
      mebibytes(Math.max(...mine.map((run) => run.peakTreeBytes))),
      mine.every(({ problems }) => problems.length === 0) ? 'whole' : 'NOT WHOLE',
    ];
  });
  return table(['contestant', 'median s', 'min–max', '÷ pgcopydb', 'largest process', 'all processes', 'copy'], rows);
}

async function versions(): Promise<Record<string, string>> {
  const ask = async (...command: string[]): Promise<string> => {
    const { stdout, stderr } = await tree.run(command, { check: false });
    return (stdout.trim().split('\n')[0] || stderr.trim().split('\n')[0]) ?? '';
  };
  return {
    debian: await ask('cat', '/etc/debian_version'),
    postgres: await ask('/usr/lib/postgresql/17/bin/postgres', '--version'),
    pgcopydb: await ask('dpkg-query', '-W', '-f', '${Version}', 'pgcopydb'),
    node: await ask('node', '--version'),
  };
}

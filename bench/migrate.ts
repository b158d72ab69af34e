/**
 * Who moves a database faster: `npm run bench:migrate -- [--runs 5] [--scale 1] [--jobs 2] [--only pgcopydb,verified]`.
 * Exits 1 when any move failed or left something behind. bench/README.md tells what is measured.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createCluster } from '../test/support/trixie-postgres.ts';
import { TrixieTree } from '../test/support/trixie-tree.ts';
import { fingerprint } from './compare.ts';
import { compete, type Run } from './compete.ts';
import { choose, CONTESTANTS, type Contest } from './contestants.ts';
import { loadData, SETTINGS } from './data.ts';
import { machine, mebibytes, median, range, saveResult, table } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', default: 'pgcopydb,pgcopydbvacuum,pgdump,unverified,verified' },
    checkout: { type: 'string' },
  },
});
const runs = Number(flags.runs);
const scale = Number(flags.scale);
const chosen = choose(flags.only);

interface Round extends Run {
  readonly round: number;
}

const tree = await TrixieTree.boot(flags.checkout === undefined ? {} : { show: [path.resolve(flags.checkout)] });
process.once('SIGINT', () => void tree.stop().then(() => process.exit(130)));
try {
  const source = await createCluster(tree, 'source', SETTINGS);
  const target = await createCluster(tree, 'target', SETTINGS);
  const checkout = flags.checkout === undefined ? '/vectabase' : path.resolve(flags.checkout);
  const contest: Contest = { tree, source, target, jobs: Number(flags.jobs), checkout };
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
  const all: Round[] = [];
  for (let round = 1; round <= runs; round += 1) {
    for (const contestant of rotate(chosen, round))
      all.push({ round, ...(await compete(contest, contestant, expected)) });
  }
  process.stdout.write(`${summary(all)}${verificationCost(all)}`);
  process.stdout.write(`\nload at the end: ${machine()}\n${saveResult('migrate', { ...about, runs: all })}\n`);
  if (all.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
} finally {
  await tree.stop();
}

/** Another one begins in each round: nobody always follows the same neighbour. */
function rotate<T>(list: readonly T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length]).filter((item) => item !== undefined);
}

function summary(all: readonly Round[]): string {
  const secondsOf = (name: string): Map<number, number> =>
    new Map(all.filter((run) => run.contestant === CONTESTANTS[name]?.name).map((run) => [run.round, run.seconds]));
  const anchors = [secondsOf('pgcopydb'), secondsOf('pgcopydbvacuum')];
  const rows = chosen.map(({ name }) => {
    const mine = all.filter(({ contestant }) => contestant === name);
    const seconds = mine.map((run) => run.seconds);
    const ratios = anchors.map((anchor) =>
      mine.flatMap((run) => (anchor.has(run.round) ? [run.seconds / (anchor.get(run.round) ?? NaN)] : [])),
    );
    return [
      name,
      median(seconds).toFixed(2),
      range(seconds),
      ...ratios.map((list) => (list.length === 0 ? '–' : median(list).toFixed(2))),
      mebibytes(Math.max(...mine.map((run) => run.largestProcessBytes))),
      mebibytes(Math.max(...mine.map((run) => run.peakTreeBytes))),
      mine.every(({ problems }) => problems.length === 0) ? 'whole' : 'NOT WHOLE',
    ];
  });
  const head = [
    'contestant',
    'median s',
    'min–max',
    '÷ --skip-vacuum',
    '÷ pgcopydb',
    'largest process',
    'all processes',
    'copy',
  ];
  return table(head, rows);
}

/** By the wall of the same round without verification, and by the durations that our own events tell. */
function verificationCost(all: readonly Round[]): string {
  const runsOf = (name: string): Round[] => all.filter(({ contestant }) => contestant === CONTESTANTS[name]?.name);
  const without = new Map(runsOf('unverified').map((run) => [run.round, run.seconds]));
  const added = runsOf('verified').flatMap(({ round, seconds }) => {
    const base = without.get(round);
    return base === undefined ? [] : [seconds / base - 1];
  });
  const own = runsOf('verified').flatMap(({ phases }) =>
    phases && phases.copy > 0 ? [phases.verify / phases.copy] : [],
  );
  if (own.length === 0) return '';
  const percent = (ratio: number): string => `${(100 * ratio).toFixed(0)} %`;
  const wall = added.length === 0 ? '' : `, ${percent(median(added))} of the whole move without it`;
  return `verification: ${percent(median(own))} of the time spent copying tables${wall}\n`;
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

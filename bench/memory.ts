/**
 * How much memory a move needs when one table is large and when one row is: `npm run bench:memory`.
 * Exits 1 when ours needs more than it may, or when a copy is not whole. bench/README.md tells what is measured.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createCluster } from '../test/support/trixie-postgres.ts';
import { TrixieTree } from '../test/support/trixie-tree.ts';
import { fingerprint } from './compare.ts';
import { compete, type Run } from './compete.ts';
import { choose, CONTESTANTS, type Contest } from './contestants.ts';
import { SETTINGS } from './data.ts';
import { machine, mebibytes, saveResult, table } from './report.ts';

const MIB = 2 ** 20;

/** Rows below 2 kB are not compressed; `external` keeps the large one as it is too. */
const CASES = [
  {
    name: 'one table of 1 GB',
    limit: 150 * MIB,
    sql: `create table big (id bigint primary key, body text not null);
          insert into big select n, repeat(md5(n::text), 32) from generate_series(1, 1000000) n;`,
  },
  {
    name: 'one row of 200 MB',
    limit: 600 * MIB,
    sql: `create table wide (id bigint primary key, body bytea not null);
          alter table wide alter column body set storage external;
          insert into wide values (1, decode(repeat(md5('x'), 200 * 1024 * 1024 / 16), 'hex'));`,
  },
  {
    name: 'one text of 200 MB',
    limit: 600 * MIB,
    sql: `create table wide (id bigint primary key, body text not null);
          alter table wide alter column body set storage external;
          insert into wide values (1, repeat(md5('x'), 200 * 1024 * 1024 / 32));`,
  },
];

const { values: flags } = parseArgs({
  options: { only: { type: 'string', default: 'verified,pgcopydb' }, checkout: { type: 'string' } },
});
const tree = await TrixieTree.boot(flags.checkout === undefined ? {} : { show: [path.resolve(flags.checkout)] });
process.once('SIGINT', () => void tree.stop().then(() => process.exit(130)));
try {
  const source = await createCluster(tree, 'source', SETTINGS);
  const target = await createCluster(tree, 'target', SETTINGS);
  const checkout = flags.checkout === undefined ? '/vectabase' : path.resolve(flags.checkout);
  const contest: Contest = { tree, source, target, jobs: 2, checkout };
  const all: Array<Run & { readonly measured: string; readonly over: boolean }> = [];
  for (const { name, limit, sql } of CASES) {
    await source.sql('postgres', 'drop database if exists data');
    await source.sql('postgres', 'create database data');
    await source.sql('data', `${sql} vacuum (analyze);`);
    const expected = await fingerprint(source, 'data');
    for (const contestant of choose(flags.only)) {
      const run = await compete(contest, contestant, expected);
      const ours = Object.values(CONTESTANTS).some((known) => known.name === run.contestant && known.ours);
      all.push({ ...run, measured: name, over: ours && run.peakTreeBytes > limit });
    }
  }
  const rows = all.map((run) => [
    run.measured,
    run.contestant,
    mebibytes(run.largestProcessBytes),
    mebibytes(run.peakTreeBytes),
    run.over ? 'TOO MUCH' : 'ok',
    run.problems.length === 0 ? 'whole' : 'NOT WHOLE',
  ]);
  process.stdout.write(table(['what', 'contestant', 'largest process', 'all processes', 'limit', 'copy'], rows));
  process.stdout.write(`${machine()}\n${saveResult('memory', { runs: all })}\n`);
  if (all.some(({ problems, over }) => over || problems.length > 0)) process.exitCode = 1;
} finally {
  await tree.stop();
}

/**
 * Floors: what the parts of a migration cost by themselves, in the same tree and with the same settings as the
 * contest of migrate.ts. `npm run bench:floors -- [--runs 5] [--scale 1]`
 */
import { parseArgs } from 'node:util';
import { TrixieTree } from '../test/support/trixie-tree.ts';
import { createCluster, type Cluster } from '../test/support/trixie-postgres.ts';
import { differences, rowFingerprint } from './compare.ts';
import { loadData, SETTINGS } from './data.ts';
import { machine, median, range, saveResult } from './report.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    part: { type: 'string', default: 'copy,sums' },
  },
});
const runs = Number(values.runs);
const scale = Number(values.scale);
const tree = await TrixieTree.boot();
process.once('SIGINT', () => void tree.stop().then(() => process.exit(130)));
try {
  const source = await createCluster(tree, 'source', SETTINGS);
  const target = await createCluster(tree, 'target', SETTINGS);
  await loadData(tree, source, 'data', scale);
  const size = await source.sql('data', 'select pg_size_pretty(pg_database_size(current_database()))');
  await target.sql('postgres', 'create database pre_data');
  await tree.run([
    'sh',
    '-c',
    `pg_dump --section=pre-data '${source.url('data')}' | psql -Xq '${target.url('pre_data')}'`,
  ]);
  await target.sql('pre_data', 'create table ledger (name text, at timestamptz)');
  const tables = (
    await source.sql(
      'data',
      "select oid::regclass from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by pg_table_size(oid) desc",
    )
  ).split('\n');
  process.stdout.write(`${machine()}\ndatabase ${size}, ${tables.length} tables, ${runs} runs each, interleaved\n`);
  const copies = values.part.includes('copy') ? await copyFloors(source, target, tables) : {};
  const sums = values.part.includes('sums') ? await hashFloors(source) : {};
  saveResult('floors', { runs, scale, size, copies, sums });
} finally {
  await tree.stop();
}

async function copyFloors(
  source: Cluster,
  target: Cluster,
  tables: readonly string[],
): Promise<Record<string, number[]>> {
  const indexes = await indexStatements(source);
  const node = (options: { freeze?: boolean; sync?: boolean; jobs?: number; raw?: boolean; index?: boolean }) => {
    const job = {
      source: source.url('data'),
      target: target.url('data'),
      tables,
      jobs: options.jobs ?? 2,
      freeze: options.freeze ?? false,
      synchronousCommit: options.sync ?? true,
      raw: options.raw ?? false,
      indexes: options.index === true ? indexes : {},
    };
    return async (): Promise<number> => {
      const { stdout } = await tree.run(['node', '/vectabase/bench/.build/bench/pipe.js', JSON.stringify(job)]);
      process.stderr.write(`    ${stdout}\n`);
      return (JSON.parse(stdout) as { seconds: number }).seconds;
    };
  };
  const psql = (jobs: number) => async (): Promise<number> => {
    const out = `psql -Xq '${source.url('data')}' -c "copy $1 to stdout (format binary)"`;
    const into = `psql -Xq '${target.url('data')}' -c "copy $1 from stdin (format binary)"`;
    const started = performance.now();
    const command = ['xargs', '-P', String(jobs), '-n1', 'sh', '-c', `${out} | ${into}`, 'sh'];
    await tree.run(command, { input: tables.join('\n') });
    return (performance.now() - started) / 1000;
  };
  return interleave(
    {
      'psql | psql, 2 jobs': psql(2),
      'node streams, 2 jobs': node({}),
      'node streams, 2 jobs, synchronous_commit off': node({ sync: false }),
      'node streams, 2 jobs, truncate + freeze': node({ freeze: true }),
      'node streams, 1 job': node({ jobs: 1 }),
      'node raw, 2 jobs': node({ raw: true }),
      'node raw, 2 jobs, truncate + freeze': node({ raw: true, freeze: true }),
      'node raw, 1 job': node({ raw: true, jobs: 1 }),
      'node streams, 2 jobs + 2 index jobs': node({ index: true }),
      'node streams, 2 jobs, freeze + 2 index jobs': node({ index: true, freeze: true }),
      'node raw, 2 jobs + 2 index jobs': node({ raw: true, index: true }),
      'node raw, 2 jobs, freeze + 2 index jobs': node({ raw: true, freeze: true, index: true }),
    },
    async () => {
      // A new database for each: also the indexes of the run before are gone.
      await target.sql('postgres', 'drop database if exists data with (force)');
      await target.sql('postgres', 'create database data template pre_data');
      await target.sql('postgres', 'checkpoint');
    },
    async () => {
      const rows = async (cluster: Cluster): Promise<string> => rowFingerprint(cluster, 'data', tables);
      const problems = differences(await rows(source), await rows(target));
      if (problems.length > 0) throw new Error(problems.join('\n'));
    },
  );
}

/** What pg_restore would run after the rows, by table; foreign keys left out, which must wait for other tables. */
async function indexStatements(source: Cluster): Promise<Record<string, string[]>> {
  const lines = await source.sql(
    'data',
    `select json_object_agg(relname, statements) from (
       select c.relname, json_agg(case when k.oid is null then pg_get_indexdef(i.indexrelid) else
         format('alter table %I add constraint %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid)) end) as statements
       from pg_index i
       join pg_class c on c.oid = i.indrelid and c.relnamespace = 'public'::regnamespace
       left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
       group by c.relname) s`,
  );
  return JSON.parse(lines) as Record<string, string[]>;
}

/** `h` is computed once in every form: a form that names it twice computes it twice, as the subquery is flattened. */
async function hashFloors(source: Cluster): Promise<Record<string, number[]>> {
  const text = 'row(id, user_id, kind, payload::text, tags, amount::text, created_at)';
  const statements: Record<string, string> = {
    'events: count(*)': 'select count(*) from events',
    'events: row with jsonb, numeric as text; sum(h), int8 sum': sum(text, 'events'),
    'events: same; sum(h::numeric)': `select count(*), sum(hash_record_extended(${text}, 0)::numeric) from events`,
    'events: same; bit_xor(h), blind to duplicates': `select count(*), bit_xor(hash_record_extended(${text}, 0)) from events`,
    'events: same; two halves (h twice)': `select count(*), sum((h >> 32)::int4), sum((h & 2147483647)::int4) from (select hash_record_extended(${text}, 0) h from events) s`,
    'events: row with native jsonb, numeric (blind to scale)': sum(
      'row(id, user_id, kind, payload, tags, amount, created_at)',
      'events',
    ),
    'events: whole row t.*, native': sum('t.*', 'events t'),
    'events: row with jsonb as text, numeric_send': sum(
      'row(id, user_id, kind, payload::text, tags, numeric_send(amount), created_at)',
      'events',
    ),
    'events: row with native jsonb, numeric_send': sum(
      'row(id, user_id, kind, payload, tags, numeric_send(amount), created_at)',
      'events',
    ),
    'events: hashtextextended(t::text) (all as text)': `select count(*), sum(hashtextextended(t::text, 0)) from events t`,
    'pgbench_accounts: count(*)': 'select count(*) from pgbench_accounts',
    'pgbench_accounts: row; sum(h), int8 sum': sum('row(aid, bid, abalance, filler)', 'pgbench_accounts'),
    'pgbench_accounts: same; sum(h::numeric)':
      'select count(*), sum(hash_record_extended(row(aid, bid, abalance, filler), 0)::numeric) from pgbench_accounts',
    'pgbench_accounts: whole row t.*': sum('t.*', 'pgbench_accounts t'),
    'documents: row; sum(h), int8 sum': sum('row(id, name, body)', 'documents'),
  };
  const contestants: Record<string, () => Promise<number>> = {};
  for (const [name, statement] of Object.entries(statements)) {
    for (const workers of [0, 1, 2]) {
      contestants[`${name}, ${workers} workers`] = async () => {
        const set = `set max_parallel_workers_per_gather = ${workers}`;
        const output = await source.sql('data', `${set};\n\\timing on\n${statement};`);
        return Number(/Time: ([\d.]+) ms/.exec(output)?.[1]) / 1000;
      };
    }
  }
  return interleave(contestants);
}

function sum(row: string, table: string): string {
  return `select count(*), sum(hash_record_extended(${row}, 0)) from ${table}`;
}

async function interleave(
  contestants: Record<string, () => Promise<number>>,
  before: () => Promise<void> = async () => undefined,
  check: () => Promise<void> = async () => undefined,
): Promise<Record<string, number[]>> {
  const seconds: Record<string, number[]> = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const [name, contestant] of Object.entries(contestants)) {
      await before();
      const taken = await contestant();
      if (run === 0) await check();
      seconds[name]?.push(taken);
      process.stderr.write(`  ${name}: ${taken.toFixed(3)} s\n`);
    }
  }
  for (const [name, list] of Object.entries(seconds))
    process.stdout.write(`${median(list).toFixed(3)} s  (${range(list)})  ${name}\n`);
  return seconds;
}

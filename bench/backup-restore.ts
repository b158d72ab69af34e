import { createCluster, type Cluster } from '../test/support/trixie-postgres.ts';
import { freePort } from '../src/foundation/process/port.ts';
import { TrixieTree } from '../test/support/trixie-tree.ts';
import { machine, saveResult, table } from './report.ts';

/** One way to back up and to return to a second, on a cluster of its own with the same rows. */
interface Contender {
  readonly name: string;
  readonly remark: string;
  readonly sql: (script: string) => Promise<string>;
  readonly backUp: () => Promise<void>;
  /** What was written until now is where a restore finds it. */
  readonly archive: () => Promise<void>;
  /** Until a server on the restored files takes writes. @returns the psql words that reach it */
  readonly restore: (second: string) => Promise<readonly string[]>;
}

/**
 * Base backup of 300 MB, then 64 MB of WAL, then back to a second within it, in one booted Debian 13: ours, Debian's own
 * pg_backupcluster and pg_restorecluster, and pgBackRest with its encryption. Ours reads every row and walks every index
 * before it says that it is done; the others do not.
 */
export async function benchRestore({ scale, walMegabytes }: { scale: number; walMegabytes: number }): Promise<void> {
  const tree = await TrixieTree.boot();
  try {
    const contenders: Contender[] = [];
    for (const make of [debians, pgBackRest, ours]) {
      contenders.push(await make(tree));
      process.stderr.write(`${contenders.at(-1)?.name ?? ''}: set up\n`);
    }
    const seconds: Record<string, number[]> = {};
    for (const { name, sql } of contenders) seconds[name] = [await fill(sql, scale)];
    for (const each of contenders) {
      seconds[each.name]?.push(await timed(async () => each.backUp()));
      process.stderr.write(`${each.name}: backed up\n`);
    }
    for (const each of contenders) {
      const second = await writeWal(each, walMegabytes);
      process.stderr.write(`${each.name}: written\n`);
      let words: readonly string[] = [];
      seconds[each.name]?.push(await timed(async () => (words = await each.restore(second))));
      const { stdout } = await tree.run([...words, '-XAtqc', 'select count(*) from after_it'], { user: 'postgres' });
      if (stdout.trim() !== '1') throw new Error(`${each.name} stopped in the wrong place: ${stdout.trim()} rows`);
    }
    const rows = contenders.map(({ name, remark }) => {
      const [, backup = 0, restore = 0] = seconds[name] ?? [];
      const [, ownBackup = 0, ownRestore = 0] = seconds['vectabase'] ?? [];
      const figures = [backup, backup / ownBackup, restore, restore / ownRestore].map((each) => each.toFixed(2));
      return [name, ...figures, remark];
    });
    const [megabytes] = seconds['vectabase'] ?? [];
    process.stdout.write(
      `${machine()}\n${String(megabytes)} MB, then ${walMegabytes} MB of WAL\n\n${table(['', 'backup s', '/ ours', 'restore s', '/ ours', ''], rows)}\n`,
    );
    process.stdout.write(`${saveResult('backup-restore', { scale, walMegabytes, seconds })}\n`);
  } finally {
    await tree.stop();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** Rows of pgbench's tables, made in SQL so that every contender has the same. @returns megabytes */
async function fill(sql: Contender['sql'], scale: number): Promise<number> {
  await sql(`create table accounts (id integer primary key, branch integer, balance integer, filler char(84));
    insert into accounts select n, n % ${scale}, 0, md5(n::text) from generate_series(1, ${scale} * 100000) n;
    create table after_it (at timestamptz); vacuum analyze accounts; checkpoint`);
  return Number(await sql(`select pg_database_size('postgres') / 1000000`));
}

/** @returns a second at which one row is in `after_it`, and the next one is not */
async function writeWal({ sql, archive }: Contender, megabytes: number): Promise<string> {
  const start = await sql('select pg_current_wal_lsn()');
  for (;;) {
    const written = await sql(`update accounts set balance = balance + 1 where id % 50 = (random() * 50)::integer;
      select (pg_wal_lsn_diff(pg_current_wal_lsn(), '${start}') / 1000000)::integer`);
    if (Number(written) >= megabytes) break;
  }
  await sql('insert into after_it values (clock_timestamp())');
  const second = await sql('select pg_sleep(0.2); select clock_timestamp()');
  await sql('select pg_sleep(0.2); insert into after_it values (clock_timestamp())');
  await archive();
  return second;
}

const archivedUntil = (sql: Contender['sql']) => async (): Promise<void> => {
  const name = await sql('select pg_walfile_name(pg_switch_wal())');
  while ((await sql(`select coalesce(last_archived_wal, '') from pg_stat_archiver`)) < name)
    await sql('select pg_sleep(0.1)');
};

async function ours(tree: TrixieTree): Promise<Contender> {
  const [pg, api, pooler] = [await freePort(), await freePort(), await freePort()];
  const run = async (...args: string[]): Promise<unknown> =>
    tree.run(['node', '/vectabase/bin/run.js', ...args, '--no-input']);
  const ports = ['--pg-port', String(pg), '--port', String(api), '--pooler-port', String(pooler)];
  await run('install', '--allow-plaintext', '--no-harden', ...ports);
  await run('backup', 'key', '--out', '/root/recovery.key');
  await run('install');
  await tree.run(['install', '-d', '-o', 'postgres', '/scratch/ours']);
  const sql = async (script: string): Promise<string> => {
    const psql = ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-p', String(pg), '-U', 'supabase_admin', 'postgres'];
    return (await tree.run(psql, { input: script })).stdout.trim();
  };
  await sql(`alter system set max_wal_size = '4GB'; select pg_reload_conf()`);
  return {
    name: 'vectabase',
    remark: 'AES-256-GCM for an age key; every row read, every index walked, on disk',
    sql,
    backUp: async () => void (await run('backup', 'create')),
    archive: archivedUntil(sql),
    async restore(second) {
      await run('backup', 'restore', '--pitr', second, '--key', '/root/recovery.key', '--into', '/scratch/ours/data');
      return startOn(tree, '/scratch/ours/data');
    },
  };
}

const SETTINGS = { max_wal_size: '4GB' };

async function debians(tree: TrixieTree): Promise<Contender> {
  const cluster: Cluster = await createCluster(tree, 'deb', SETTINGS);
  const sql = async (script: string): Promise<string> => cluster.sql('postgres', script);
  const command = ['pg_backupcluster', '17', 'deb'] as const;
  await tree.run([...command, 'createdirectory']);
  await tree.run(['systemctl', 'start', 'pg_receivewal@17-deb']);
  return {
    name: 'pg_backupcluster',
    remark: 'not encrypted; WAL streamed in clear',
    sql,
    backUp: async () => void (await tree.run([...command, 'basebackup'])),
    async archive() {
      await sql('select pg_switch_wal()');
      const behind = `select count(*) from pg_stat_replication where flush_lsn is null or flush_lsn < pg_current_wal_lsn()`;
      while ((await sql(behind)) !== '0') await sql('select pg_sleep(0.1)');
      await tree.run(['systemctl', 'stop', 'pg_receivewal@17-deb']); // its compressed files are whole only then
    },
    async restore(second) {
      const { stdout } = await tree.run(['sh', '-c', 'ls -d /var/backups/postgresql/17-deb/*.backup | tail -1']);
      const port = String(await freePort());
      const backup = stdout.trim();
      const flags = ['--pitr', second, '--port', port, '--datadir', '/scratch/deb-restored'];
      await tree.run(['pg_restorecluster', ...flags, '17', 'debrestored', backup]);
      await tree.run(['systemctl', 'start', 'postgresql@17-debrestored']);
      return untilPrimary(tree, ['psql', '-p', port, 'postgres']);
    },
  };
}

async function pgBackRest(tree: TrixieTree): Promise<Contender> {
  await tree.run(['sh', '-c', 'apt-get update -q && apt-get install -qy --no-install-recommends pgbackrest']);
  const config = `[global]
repo1-path=/scratch/pgbackrest
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=bench-bench-bench
process-max=2
start-fast=y
log-level-console=warn
archive-async=n
[pgbr]
pg1-path=/scratch/pgbr
`;
  const archive = { archive_mode: 'on', archive_command: 'pgbackrest --stanza=pgbr archive-push %p' };
  const cluster = await createCluster(tree, 'pgbr', { ...SETTINGS, ...archive });
  await tree.run(['tee', '/etc/pgbackrest.conf'], { input: `${config}pg1-port=${cluster.port}\n` });
  await tree.run(['install', '-d', '-o', 'postgres', '/scratch/pgbackrest', '/scratch/pgbr-restored']);
  const run = async (...args: string[]): Promise<unknown> =>
    tree.run(['pgbackrest', '--stanza=pgbr', ...args], { user: 'postgres' });
  await run('stanza-create');
  const sql = async (script: string): Promise<string> => cluster.sql('postgres', script);
  return {
    name: 'pgbackrest',
    remark: 'AES-256-CBC without authentication, gzip, 2 processes',
    sql,
    backUp: async () => void (await run('--type=full', 'backup')),
    archive: archivedUntil(sql),
    async restore(second) {
      const into = '/scratch/pgbr-restored';
      await tree.run(['chmod', '700', into]);
      await run(`--pg1-path=${into}`, '--type=time', `--target=${second}`, '--target-action=promote', 'restore');
      return startOn(tree, into);
    },
  };
}

/** Starts a server on a data directory without configuration of its own. */
async function startOn(tree: TrixieTree, data: string): Promise<readonly string[]> {
  const port = String(await freePort());
  const settings = `-p ${port} -c listen_addresses= -c archive_mode=off -c hba_file=/tmp/hba -c config_file=/dev/null -c ident_file=/dev/null -c unix_socket_directories=/tmp`;
  await tree.run(['sh', '-c', 'echo local all all trust > /tmp/hba']);
  const start = [
    '/usr/lib/postgresql/17/bin/pg_ctl',
    '-w',
    '-D',
    data,
    '-l',
    '/tmp/bench.log',
    '-o',
    settings,
    'start',
  ];
  await tree.run(start, { user: 'postgres' });
  return untilPrimary(tree, ['psql', '-h', '/tmp', '-p', port, 'postgres']);
}

async function untilPrimary(tree: TrixieTree, psql: readonly string[]): Promise<readonly string[]> {
  for (const until = Date.now() + 120_000; Date.now() < until;) {
    const command = [...psql, '-XAtqc', 'select pg_is_in_recovery()'];
    const { stdout } = await tree.run(command, { user: 'postgres', check: false });
    if (stdout.trim() === 'f') return psql;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no primary: ${psql.join(' ')}`);
}

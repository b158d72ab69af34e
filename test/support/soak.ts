import { spawn } from 'node:child_process';
import path from 'node:path';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { run } from '../../src/foundation/process/run.ts';
import { readRecoveryKey } from '../../src/operator/backup/recovery-key.ts';
import type { Repository } from '../../src/operator/backup/repository.ts';
import { readyRestore, rehearseCopy } from '../../src/operator/backup/restore/run.ts';
import type { RestoreTarget } from '../../src/operator/backup/restore/target.ts';
import { listening } from './archive.ts';
import type { TestCluster } from './cluster.ts';

/** A directory with pgbench, whose load then runs beside the writer. */
const PGBENCH = process.env['VECTABASE_PGBENCH'];

export interface Load {
  /** Rows by table. */
  stop(): Promise<Record<string, number>>;
}

/** Commits rows one by one, as a superuser, whom nothing holds back. A new segment every `switchMs`. */
export async function startLoad(cluster: TestCluster, { switchMs }: { readonly switchMs: number }): Promise<Load> {
  const bench = PGBENCH === undefined ? undefined : await startPgbench(cluster, PGBENCH);
  const state = { rows: 0, going: true };
  const session = await Session.open(cluster.adminAddress, { applicationName: 'writer' });
  const written = (async () => {
    let switched = Date.now();
    while (state.going) {
      await session.rows(`insert into sales (note) values (repeat(md5(random()::text), 30))`);
      state.rows++;
      await sleep(2);
      if (Date.now() - switched < switchMs) continue;
      await session.rows('select pg_switch_wal()');
      switched = Date.now();
    }
  })();
  written.catch(() => undefined); // told by stop()
  return {
    stop: async () => {
      state.going = false;
      try {
        await written;
      } finally {
        await session.close();
      }
      return { 'postgres.public.sales': state.rows, ...(await bench?.stop()) };
    },
  };
}

async function startPgbench({ adminAddress }: TestCluster, directory: string): Promise<Load> {
  const { host, port, user, database } = adminAddress;
  const program = path.join(directory, 'pgbench');
  const to = ['-h', host, '-p', String(port), '-U', user, '-n'];
  const made = await run([program, ...to, '-i', '-q', database]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const child = spawn(program, [...to, '-c', '4', '--rate', '100', '-T', '7200', database], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      const count = async (table: string): Promise<[string, number]> => {
        const [row] = await ask<{ rows: number }>(adminAddress, `select count(*)::integer as rows from ${table}`);
        return [`postgres.public.${table}`, row?.rows ?? 0];
      };
      return Object.fromEntries(await Promise.all(['pgbench_history'].map(count)));
    },
  };
}

/** A moment in the middle of what was written, between two commits that are far apart, and what was there then. */
export async function middleOf({ adminAddress }: TestCluster, counts: Readonly<Record<string, number>>) {
  const tables = Object.keys(counts).map((name) => name.replace(/.*\./, ''));
  const stamps = tables.map((table) => `select pg_xact_commit_timestamp(xmin) as at from ${table}`).join(' union all ');
  const [found] = await ask<{ micros: string }>(
    adminAddress,
    `with stamps as (${stamps}),
       gaps as (select at, lead(at) over (order by at) - at as gap, percent_rank() over (order by at) as place from stamps)
     select (extract(epoch from at + gap / 2) * 1000000)::bigint::text as micros from gaps
       where place between 0.4 and 0.7 order by gap desc limit 1`,
  );
  const micros = Number(found?.micros);
  const then = tables.map(async (table): Promise<[string, number]> => {
    const [row] = await ask<{ rows: number }>(
      adminAddress,
      `select count(*)::integer as rows from ${table}
         where extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000 <= ${micros}`,
    );
    return [`postgres.public.${table}`, row?.rows ?? 0];
  });
  return { target: { kind: 'time', micros } as const, counts: Object.fromEntries(await Promise.all(then)) };
}

interface Restore {
  readonly repository: Repository;
  readonly keyFile: string;
  readonly home: string;
}

/** Rows by table after a restore from nothing but store and key, proved as a rehearsal proves it. */
export async function rowsAt(target: RestoreTarget, { repository, keyFile, home }: Restore) {
  const request = {
    repository,
    identities: await readRecoveryKey(keyFile),
    target,
    site: undefined,
    scratch: path.join(home, 'scratch'),
    into: path.join(home, 'restored'),
  };
  const { counts, ms } = await rehearseCopy(await readyRestore(request, listening()), listening());
  return { counts, ms };
}

async function ask<T extends Record<string, unknown>>(address: TestCluster['adminAddress'], sql: string): Promise<T[]> {
  const session = await Session.open(address, { applicationName: 'soak' });
  try {
    return await session.rows<T>(sql);
  } finally {
    await session.close();
  }
}

import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Cluster } from '../test/support/trixie-postgres.ts';
import type { TrixieTree } from '../test/support/trixie-tree.ts';

export interface Contest {
  readonly tree: TrixieTree;
  readonly source: Cluster;
  readonly target: Cluster;
  readonly jobs: number;
  /** The checkout whose built `vectabase` takes part, as seen from inside the tree. */
  readonly checkout: string;
}

export interface Contestant {
  readonly name: string;
  readonly ours: boolean;
  /** Starts the whole move of the database `data` into the empty database `data` of the target. */
  start(contest: Contest): ChildProcess;
}

/** All by name. Each moves schema, rows, indexes and constraints. Ours analyses each table; `pgcopydbvacuum` as well, the others do not. */
export const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  pgcopydb: {
    name: 'pgcopydb clone, binary, --skip-vacuum',
    ours: false,
    start: (contest) => pgcopydb(contest, ['--skip-vacuum']),
  },
  pgcopydbvacuum: { name: 'pgcopydb clone, binary', ours: false, start: (contest) => pgcopydb(contest, []) },
  pgdump: { name: 'pg_dump -Fd -Z0 | pg_restore', ours: false, start: (contest) => dumpAndRestore(contest, ['-Z0']) },
  pgdumpgzip: { name: 'pg_dump -Fd | pg_restore', ours: false, start: (contest) => dumpAndRestore(contest, []) },
  unverified: {
    name: 'vectabase migrate --no-verify',
    ours: true,
    start: (contest) => vectabase(contest, ['--no-verify']),
  },
  verified: { name: 'vectabase migrate', ours: true, start: (contest) => vectabase(contest, []) },
};

/** @param names separated by commas */
export function choose(names: string): Contestant[] {
  return names.split(',').map((name) => {
    const contestant = CONTESTANTS[name];
    if (contestant === undefined) throw new Error(`--only knows ${Object.keys(CONTESTANTS).join(', ')}`);
    return contestant;
  });
}

/** As it comes it runs VACUUM ANALYZE on each table. It sets synchronous_commit off and 1 GB of maintenance_work_mem. */
function pgcopydb({ tree, source, target, jobs }: Contest, extra: readonly string[]): ChildProcess {
  const directory = fresh('pgcopydb');
  const flags = ['--use-copy-binary', '--fail-fast', '--dir', directory, ...extra];
  const parallel = ['--table-jobs', '--index-jobs', '--restore-jobs'].flatMap((flag) => [flag, String(jobs)]);
  return tree.spawn(['pgcopydb', 'clone', ...flags, ...parallel], {
    env: { PGCOPYDB_SOURCE_PGURI: source.url('data'), PGCOPYDB_TARGET_PGURI: target.url('data') },
  });
}

function dumpAndRestore({ tree, source, target, jobs }: Contest, flags: readonly string[]): ChildProcess {
  const directory = fresh('dump');
  const script = [
    `pg_dump -Fd -j${jobs} ${flags.join(' ')} -f ${directory} '${source.url('data')}'`,
    `pg_restore -j${jobs} --exit-on-error -d '${target.url('data')}' ${directory}`,
    `rm -rf ${directory}`,
  ];
  return tree.spawn(['sh', '-c', script.join(' && ')]);
}

function vectabase({ tree, source, target, jobs, checkout }: Contest, flags: readonly string[]): ChildProcess {
  const secret = (name: string, text: string): string => {
    writeFileSync(path.join(tree.scratch, name), text, { mode: 0o600 });
    return `/scratch/${name}`;
  };
  const sourceFile = secret('source.url', source.url('data'));
  const targetFile = secret('target.url', target.url('data'));
  const files = ['--source-file', sourceFile, '--target-file', targetFile, '--dir', fresh('vectabase')];
  const all = [...files, '--jobs', String(jobs), '--json', '--no-input', ...flags];
  return tree.spawn(['node', `${checkout}/bin/run.js`, 'migrate', ...all]);
}

let serial = 0;
function fresh(name: string): string {
  serial += 1;
  return `/scratch/${name}-${serial}`;
}

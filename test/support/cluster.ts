import { rmSync } from 'node:fs';
import { chmod, chown, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { prepareBinaries } from '../../src/foundation/postgres/embedded/binaries.ts';
import { initCluster } from '../../src/foundation/postgres/embedded/cluster.ts';
import { startServer, type Server, type ServerOptions } from '../../src/foundation/postgres/embedded/server.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { ident } from '../../src/foundation/postgres/sql.ts';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { freePort } from '../../src/foundation/process/port.ts';
import { serviceUser } from '../../src/foundation/process/service-user.ts';
import { searchBeforeRemoval } from './canary.ts';

const SUPERUSER = 'supabase_admin';
const PASSWORD = 'test';

export interface TestCluster {
  /** The superuser on database `postgres`, over the unix socket. */
  readonly adminAddress: DatabaseAddress;
  /** Another database and, if you like, another user or the road by TCP (scram, no TLS). */
  address(database: string, options?: { user?: string; password?: string; tcp?: boolean }): DatabaseAddress;
  createDatabase(name: string, template?: string): Promise<DatabaseAddress>;
  readonly port: number;
  readonly directory: string;
  readonly logFile: string;
  readonly pid: number;
  /** Clean stop and start on the same port. */
  restart(): Promise<void>;
  /** Signals the postmaster and waits until it is gone (not for SIGHUP). `restart()` brings it back. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes its files. Throws when a test left a session open. */
  stop(): Promise<void>;
}

/**
 * Cheap: survives kill -9 of any process, not of the machine. `synchronous_commit` stays on: without it a commit may
 * still sit in shared memory when the server is killed, and a kill test would count a row as lost.
 */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  wal_level: 'logical',
  max_connections: '80',
  max_wal_size: '2GB',
  autovacuum_naptime: '10s',
  jit: 'off',
};

/** A real Postgres of its own for one test file. About 0.6 s; `afterAll(() => cluster.stop())` is yours to call. */
export async function startTestCluster(
  options: { settings?: Readonly<Record<string, string>> } = {},
): Promise<TestCluster> {
  const runAs = await serviceUser();
  const binaries = await prepareBinaries({ runAs });
  const directory = await realpath(await mkdtemp(path.join(tmpdir(), 'vt-')));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  await chmod(directory, 0o700);
  if (runAs) await chown(directory, runAs.uid, runAs.gid);

  const data = path.join(directory, 'data');
  await initCluster({ binaries, runAs, data, superuser: SUPERUSER, password: PASSWORD, sync: false });
  await writeFile(path.join(data, 'pg_hba.conf'), HBA);
  const serverOptions: Omit<ServerOptions, 'port'> = {
    binaries,
    runAs,
    data,
    socketDirectory: directory,
    listenAddresses: ['127.0.0.1'],
    logFile: path.join(directory, 'postgres.log'),
    settings: { ...SETTINGS, ...options.settings },
  };
  const port = await freePort();
  let server: Server = await startServer({ ...serverOptions, port });

  const address: TestCluster['address'] = (database, as = {}) => ({
    host: as.tcp === true ? '127.0.0.1' : directory,
    port,
    user: as.user ?? SUPERUSER,
    password: as.password ?? (as.user === undefined ? PASSWORD : undefined),
    database,
    sslMode: 'disable',
    rootCertificate: undefined,
  });
  const adminAddress = address('postgres');

  return {
    adminAddress,
    address,
    port,
    directory,
    logFile: serverOptions.logFile,
    get pid() {
      return server.pid;
    },
    async createDatabase(name, template = 'template1') {
      await withAdmin(adminAddress, (admin) =>
        admin.script(`create database ${ident(name)} template ${ident(template)}`),
      );
      return address(name);
    },
    async restart() {
      await server.stop();
      server = await startServer({ ...serverOptions, port });
    },
    async kill(signal = 'SIGKILL') {
      server.kill(signal);
      if (signal !== 'SIGHUP') await server.exited;
    },
    async stop() {
      const leaks = await openSessions(adminAddress);
      await server.stop();
      searchBeforeRemoval(directory);
      remove();
      process.off('exit', remove);
      if (leaks.length > 0) throw new Error(`sessions left open: ${leaks.join(', ')}`);
    },
  };
}

/** trust on the socket, in a 0700 directory: scram costs some milliseconds for each of a test's many sessions. */
const HBA = `local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
`;

/** Sessions that are still there two seconds after the last test; a backend needs a moment to end. */
async function openSessions(adminAddress: DatabaseAddress): Promise<string[]> {
  let names: string[] = [];
  for (let attempt = 0; attempt < 40; attempt++) {
    try {
      names = await withAdmin(adminAddress, async (admin) => {
        const rows = await admin.rows<{ name: string }>(
          `select coalesce(datname, '') || ' ' || application_name as name from pg_stat_activity
            where backend_type in ('client backend', 'walsender') and pid <> pg_backend_pid()`,
        );
        return rows.map((row) => row.name);
      });
    } catch {
      return []; // the test stopped or killed the server itself
    }
    if (names.length === 0) return names;
    await sleep(50);
  }
  return names;
}

async function withAdmin<T>(address: DatabaseAddress, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(address, { applicationName: 'test-cluster' });
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

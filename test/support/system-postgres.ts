import { existsSync } from 'node:fs';
import { chown, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { startServer } from '../../src/foundation/postgres/embedded/server.ts';
import { freePort } from '../../src/foundation/process/port.ts';
import { run } from '../../src/foundation/process/run.ts';
import { serviceUser } from '../../src/foundation/process/service-user.ts';

export interface SystemPostgres {
  readonly major: number;
  address(database: string): DatabaseAddress;
  /** The whole schema of a database as pg_dump of the same major writes it. */
  dumpSchema(database: string): Promise<string>;
  stop(): Promise<void>;
}

/** Majors of Debian's or PGDG's servers on this machine; empty on most. */
export function systemMajors(): number[] {
  const whole = (major: number): boolean =>
    ['initdb', 'postgres', 'pg_dump'].every((name) => existsSync(binary(major, name)));
  return [15, 16, 17, 18].filter(whole);
}

function binary(major: number, name: string): string {
  return `/usr/lib/postgresql/${major}/bin/${name}`;
}

/** A server of another major than the embedded one, with superuser `postgres`, reached by its socket alone. */
export async function startSystemPostgres(major: number): Promise<SystemPostgres> {
  const runAs = await serviceUser();
  const directory = await realpath(await mkdtemp(path.join(tmpdir(), 'vs-')));
  if (runAs) await chown(directory, runAs.uid, runAs.gid);
  const data = path.join(directory, 'data');
  const initdb = await run(
    [
      binary(major, 'initdb'),
      `--pgdata=${data}`,
      '--username=postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ],
    { runAs },
  );
  if (initdb.exitCode !== 0) throw new Error(initdb.stderr);
  const port = await freePort();
  const server = await startServer({
    binaries: { postgres: binary(major, 'postgres'), initdb: binary(major, 'initdb'), version: String(major) },
    runAs,
    data,
    socketDirectory: directory,
    port,
    listenAddresses: [],
    logFile: path.join(directory, 'postgres.log'),
    settings: { fsync: 'off', wal_level: 'logical' },
  });
  return {
    major,
    address: (database) => ({
      host: directory,
      port,
      user: 'postgres',
      password: undefined,
      database,
      sslMode: 'disable',
      rootCertificate: undefined,
    }),
    async dumpSchema(database) {
      const { exitCode, stdout, stderr } = await run([
        binary(major, 'pg_dump'),
        '--schema-only',
        `--host=${directory}`,
        `--port=${port}`,
        '--username=postgres',
        database,
      ]);
      if (exitCode !== 0) throw new Error(stderr);
      // Later minor releases fence a dump with a random word.
      return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '');
    },
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JobContext } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { prepareBinaries } from '../../foundation/postgres/embedded/binaries.ts';
import { initCluster } from '../../foundation/postgres/embedded/cluster.ts';
import { startServer } from '../../foundation/postgres/embedded/server.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { literal } from '../../foundation/postgres/sql.ts';
import { freePort } from '../../foundation/process/port.ts';
import { serviceUser } from '../../foundation/process/service-user.ts';
import { buildStandinSource, type StandinObservation } from './standin/build.ts';

export interface DemoSource {
  /** Role `postgres` as a hosted project gives it: no superuser. */
  readonly address: DatabaseAddress;
  readonly rows: number;
  stop(): Promise<void>;
}

/** A Postgres of its own in a temporary directory, shaped and filled like a hosted project. */
export async function startDemoSource(rows: number, ctx: JobContext<StandinObservation>): Promise<DemoSource> {
  const runAs = await serviceUser();
  const binaries = await prepareBinaries({ runAs });
  const home = await realpath(await mkdtemp(path.join(tmpdir(), 'vb-demo-')));
  const remove = async (): Promise<void> => rm(home, { recursive: true, force: true });
  try {
    if (runAs) await chown(home, runAs.uid, runAs.gid);
    const passwords = { admin: randomBytes(24).toString('base64url'), postgres: randomBytes(24).toString('base64url') };
    const data = path.join(home, 'data');
    await initCluster({ binaries, runAs, data, superuser: 'supabase_admin', password: passwords.admin, sync: false });
    const port = await freePort();
    const server = await startServer({
      binaries,
      runAs,
      data,
      socketDirectory: home,
      port,
      listenAddresses: ['127.0.0.1'],
      logFile: path.join(home, 'postgres.log'),
      // Nobody's only copy: it need not outlive a power cut.
      settings: { fsync: 'off', full_page_writes: 'off', wal_level: 'logical', max_wal_size: '2GB', jit: 'off' },
      signal: ctx.signal,
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await remove();
    };
    try {
      await fill({ host: home, port, password: passwords.admin }, passwords.postgres, rows, ctx);
    } catch (error) {
      await stop();
      throw error;
    }
    const address = {
      host: '127.0.0.1',
      port,
      user: 'postgres',
      password: passwords.postgres,
      database: 'postgres',
      sslMode: 'prefer',
      rootCertificate: undefined,
    } as const;
    return { address, rows, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function fill(
  at: { host: string; port: number; password: string },
  postgresPassword: string,
  rows: number,
  ctx: JobContext<StandinObservation>,
): Promise<void> {
  const admin = await Session.open(
    { ...at, user: 'supabase_admin', database: 'postgres', sslMode: 'disable', rootCertificate: undefined },
    { applicationName: 'vectabase demo' },
  );
  try {
    await buildStandinSource(admin, { rows }, ctx);
    await admin.script(`alter role postgres password ${literal(postgresPassword)}`);
  } finally {
    await admin.close();
  }
}

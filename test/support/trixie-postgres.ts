import { freePort } from '../../src/foundation/process/port.ts';
import type { TrixieTree } from './trixie-tree.ts';

/** A Postgres 17 of Debian's in the tree, as the systemd service `postgresql@17-NAME`, its files below `/scratch`. */
export interface Cluster {
  readonly name: string;
  readonly port: number;
  /** As superuser `bench`, with its password. The same inside the tree and on the host: they share the loopback. */
  url(database: string): string;
  /** Runs a script as the cluster's owner; what it prints as `psql -At` would. */
  sql(database: string, script: string): Promise<string>;
}

/** The password of `bench` in these throw-away clusters. */
const PASSWORD = 'bench';

/** @param settings lines of postgresql.conf, beyond Debian's defaults */
export async function createCluster(
  tree: TrixieTree,
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Cluster> {
  const port = await freePort();
  await tree.run(['pg_createcluster', '17', name, '-d', `/scratch/${name}`, '-p', String(port), '--locale=C.UTF-8']);
  const conf = Object.entries(settings).map(([key, value]) => `${key} = '${value}'\n`);
  await tree.run(['tee', `/etc/postgresql/17/${name}/conf.d/test.conf`], { input: conf.join('') });
  await tree.run(['systemctl', 'start', `postgresql@17-${name}`]);
  const cluster = {
    name,
    port,
    url: (database: string) => loginUrl(port, database),
    async sql(database: string, script: string): Promise<string> {
      const command = ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-p', String(port), '-d', database];
      const { stdout } = await tree.run(command, { user: 'postgres', input: script });
      return stdout.trim();
    },
  };
  await cluster.sql('postgres', `create role bench superuser login password '${PASSWORD}'`);
  return cluster;
}

/**
 * A PgBouncer in front of a cluster, as a service of the tree's systemd.
 * @param settings of the `[pgbouncer]` section
 * @returns the connection string through it, as `bench`, to the database `postgres`
 */
export async function startPgBouncer(
  tree: TrixieTree,
  cluster: Cluster,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const port = await freePort();
  const directory = `/etc/pgbouncer/test-${port}`;
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: `${directory}/users`,
    ...settings,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}`);
  const ini = ['[databases]', `* = host=127.0.0.1 port=${cluster.port}`, '[pgbouncer]', ...lines, ''].join('\n');
  await tree.run(['install', '-d', '-o', 'postgres', directory]);
  await tree.run(['tee', `${directory}/users`], { input: `"bench" "${PASSWORD}"\n` });
  await tree.run(['tee', `${directory}/pgbouncer.ini`], { input: ini });
  // Type=notify: PgBouncer tells systemd when it listens.
  const unit = ['--collect', '--quiet', `--unit=pgbouncer-${port}`, '--service-type=notify', '--uid=postgres'];
  await tree.run(['systemd-run', ...unit, 'pgbouncer', `${directory}/pgbouncer.ini`]);
  return loginUrl(port, 'postgres');
}

function loginUrl(port: number, database: string): string {
  return `postgresql://bench:${PASSWORD}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

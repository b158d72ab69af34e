import { INSTALLED, type ClusterPaths } from './directory.ts';

/** The cluster's name in Debian's tools: `pg_lsclusters` shows `17 vectabase`. */
const CLUSTER_NAME = 'vectabase';

/** Below the encrypted volume, as statements of a slow query can hold people's data. */
export const LOG_DIRECTORY = `${INSTALLED.data}/log`;

/** Where Debian's Postgres and PgBouncer have their sockets. */
export const SOCKET_DIRECTORY = '/run/postgresql';

/** Of the socket where the daemon takes finished WAL. */
export const ARCHIVE_DIRECTORY = '/run/vectabase/archive';

/** Where WAL lies sealed until the store has it. */
export const SPOOL_DIRECTORY = `${INSTALLED.data}/spool`;

/** Debian's part of the cluster of an installed machine. */
export interface DebianCluster {
  /** `/etc/postgresql/17/vectabase` */
  readonly configuration: string;
  /** `/usr/lib/postgresql/17/bin` */
  readonly binaries: string;
  readonly unit: string;
  /** The authority that signed Postgres' and PgBouncer's certificate; every user of the machine may read it. */
  readonly authority: string;
}

export function debianCluster(major: number): DebianCluster {
  const configuration = `/etc/postgresql/${major}/${CLUSTER_NAME}`;
  return {
    configuration,
    binaries: `/usr/lib/postgresql/${major}/bin`,
    unit: `postgresql@${major}-${CLUSTER_NAME}.service`,
    authority: `${configuration}/vectabase-ca.crt`,
  };
}

/** What `vectabase up` has beside its cluster, where an installed machine has it. */
export function installedCluster(major: number): ClusterPaths {
  const { configuration } = debianCluster(major);
  const home = `${INSTALLED.data}/postgres`;
  return {
    home,
    data: `${home}/${major}/${CLUSTER_NAME}`,
    log: `${LOG_DIRECTORY}/postgresql-${major}-${CLUSTER_NAME}.log`,
    masterKeyCheck: `${home}/master-key.check.json`,
    serverCertificate: `${configuration}/vectabase-server.crt`,
    serverKey: `${home}/server.key`,
    daemonKeys: `${INSTALLED.configuration}/daemon-keys.json`,
  };
}

import {
  debianCluster,
  installedCluster,
  LOG_DIRECTORY,
  SOCKET_DIRECTORY,
} from '../../../../foundation/config/machine-paths.ts';
import { filledTemplate } from '../../conf-text.ts';
import { CONNECTIONS } from '../../tuning.ts';
import type { InstallSettings } from '../step.ts';

/** Connections of Postgres that are not the pooler's: the daemon, backups, replication, people. */
const KEPT_FREE = 40;

/** PgBouncer's whole configuration. */
export async function bouncerSettings(settings: InstallSettings): Promise<string> {
  const { serverCertificate, serverKey } = installedCluster(settings.postgresMajor);
  return filledTemplate(['pgbouncer', 'vectabase.ini'], {
    socket_directory: SOCKET_DIRECTORY,
    postgres_port: settings.postgresPort,
    listen_addr: ['127.0.0.1', ...settings.listen].join(','),
    listen_port: settings.poolerPort,
    max_connections: CONNECTIONS,
    max_db_connections: CONNECTIONS - KEPT_FREE,
    certificate: serverCertificate,
    key: serverKey,
    authority: debianCluster(settings.postgresMajor).authority,
    logfile: `${LOG_DIRECTORY}/pgbouncer.log`,
  });
}

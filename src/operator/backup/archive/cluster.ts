import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import type { Cluster } from './spool.ts';

/** Asks a server which cluster it is. Any role may ask. @throws VectabaseError DATABASE_UNREACHABLE */
export async function readCluster(address: DatabaseAddress): Promise<Cluster> {
  const session = await Session.open(address, { applicationName: 'vectabase archive' });
  try {
    const [row] = await session.rows<{ systemId: string; postgres: string; segmentBytes: string }>(
      `select system_identifier::text as "systemId", current_setting('server_version') as postgres,
         (select setting from pg_settings where name = 'wal_segment_size') as "segmentBytes"
       from pg_control_system()`,
    );
    if (!row) throw new Error('the database does not tell which cluster it is');
    // "17.10 (Debian 17.10-1.pgdg13+1)"
    return {
      systemId: row.systemId,
      postgres: row.postgres.replace(/ .*/, ''),
      segmentBytes: Number(row.segmentBytes),
    };
  } finally {
    await session.close();
  }
}

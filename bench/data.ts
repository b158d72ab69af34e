import type { Cluster } from '../test/support/trixie-postgres.ts';
import type { TrixieTree } from '../test/support/trixie-tree.ts';

/**
 * What differs from Debian's defaults, on both sides and for every contestant. fsync, full_page_writes and
 * wal_level=replica stay as they are. Autovacuum would start at another moment in each run.
 */
export const SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  maintenance_work_mem: '256MB',
  autovacuum: 'off',
};

/** Builds pgbench's tables and those of data.sql. `scale` 1 is 742 MB. */
export async function loadData(tree: TrixieTree, cluster: Cluster, database: string, scale: number): Promise<void> {
  await cluster.sql('postgres', `create database ${database}`);
  const url = cluster.url(database);
  await tree.run(['pgbench', '-i', '-q', '-s', String(Math.max(1, Math.round(20 * scale))), url]);
  const psql = ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', `scale=${scale}`];
  await tree.run([...psql, '-f', '/vectabase/bench/data.sql', url]);
}

/** One question about a database. Its SQL is `templates/sql/inspect/<name>.sql`. */
export interface InspectReport {
  /** As Supabase's `inspect db` calls it. */
  readonly name: string;
  /** What it shows, for help and above the table. */
  readonly title: string;
  /** What it means that there are no rows. */
  readonly nothing: string;
  /** Reads pg_stat_statements. */
  readonly statements?: true;
}

export const INSPECT_REPORTS = [
  report('bloat', 'space that dead rows hold, an estimate', 'No table or index has been analysed yet'),
  report('blocking', 'statements that wait, and who holds what they wait for', 'No statement waits for another one'),
  report('cache-hit', 'how often blocks were found in shared memory', 'Nothing was read yet'),
  { ...report('calls', 'statements by number of calls', 'No statement was counted yet'), statements: true },
  report('db-stats', 'size, cache and traffic of the database', 'Nothing is counted'),
  report('index-sizes', 'size of each index', 'There is no index'),
  report('index-stats', 'size and use of each index', 'There is no index'),
  report('index-usage', 'how often each table was read by an index', 'No table was read yet'),
  report('locks', 'exclusive locks and waits for any lock', 'Nobody holds an exclusive lock'),
  report('long-running-queries', 'statements that run for more than five minutes', 'None runs that long'),
  { ...report('outliers', 'statements by total time', 'No statement was counted yet'), statements: true },
  report('replication-slots', 'replication slots and the WAL that they hold', 'There is no replication slot'),
  report('role-configs', 'settings of roles', 'No role has settings of its own'),
  report('role-connections', 'connections of each role', 'There is no role'),
  report('role-stats', 'rights, connections and settings of each role', 'There is no role'),
  report('seq-scans', 'how often each table was read whole', 'There is no table'),
  report('table-index-sizes', 'size of the indexes of each table', 'There is no table'),
  report('table-record-counts', 'estimated rows of each table', 'There is no table'),
  report('table-sizes', 'size of each table without its indexes', 'There is no table'),
  report('table-stats', 'sizes, rows and scans of each table', 'There is no table'),
  report('total-index-size', 'size of all indexes', 'There is no index'),
  report('total-table-sizes', 'size of each table with its indexes', 'There is no table'),
  report('traffic-profile', 'which tables are read and which are written', 'No table was used yet'),
  report('unused-indexes', 'indexes that were hardly ever read', 'Every index is in use'),
  report('vacuum-stats', 'when each table was vacuumed, and what waits', 'There is no table'),
] as const satisfies readonly InspectReport[];

function report<N extends string>(name: N, title: string, nothing: string): InspectReport & { readonly name: N } {
  return { name, title, nothing };
}

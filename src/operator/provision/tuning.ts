/** What the machine has, as far as settings follow from it. */
export interface Machine {
  /** RAM, or the container's limit where that is lower. */
  readonly memoryBytes: number;
  /** Size of the file system with the cluster. */
  readonly diskBytes: number;
  /** Processors that Postgres may use. */
  readonly cores: number;
  readonly platform: NodeJS.Platform;
}

const MB = 1024 ** 2;
const GB = 1024 ** 3;
/** Room for the daemon's pool, a migration with many workers, and people. */
export const CONNECTIONS = 100;

/** Memory, disk and planner settings for one machine. Formulas after PgTune; requirement 8.4 sets the quarter. */
export function tunedSettings({ memoryBytes, diskBytes, cores, platform }: Machine): Record<string, string> {
  // On a small machine the daemon and the system need their half gigabyte first.
  const usable = memoryBytes <= 4 * GB ? Math.max(memoryBytes - 512 * MB, memoryBytes / 2) : memoryBytes;
  const shared = clamp(usable / 4, 32 * MB, 8 * GB);
  const work = clamp((usable - shared) / (CONNECTIONS * 3), 4 * MB, 64 * MB);
  const wal = clamp(diskBytes / 10, 512 * MB, 4 * GB);
  return {
    max_connections: String(CONNECTIONS),
    shared_buffers: megabytes(shared),
    effective_cache_size: megabytes((usable * 3) / 4),
    work_mem: megabytes(work),
    maintenance_work_mem: megabytes(clamp(usable / 16, 64 * MB, GB)),
    min_wal_size: megabytes(wal / 4),
    max_wal_size: megabytes(wal),
    // A forgotten replication slot must not fill the disk.
    max_slot_wal_keep_size: megabytes(clamp(diskBytes / 10, GB, 16 * GB)),
    random_page_cost: '1.1',
    ...parallel(cores),
    // macOS has no posix_fadvise, and Postgres refuses any other value there.
    effective_io_concurrency: platform === 'linux' ? '200' : '0',
  };
}

/** From four cores on, so that one report does not take the processors from everybody else; Postgres' own 2 of 8 below. */
function parallel(cores: number): Record<string, string> {
  if (cores < 4) return {};
  const gather = String(Math.min(4, Math.ceil(cores / 2)));
  return {
    // Replication and extensions take of these too.
    max_worker_processes: String(Math.max(8, cores)),
    max_parallel_workers: String(cores),
    max_parallel_workers_per_gather: gather,
    max_parallel_maintenance_workers: gather,
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / MB)}MB`;
}

/** What only later servers know. */
export function settingsSince(major: number): Record<string, string> {
  // Incremental base backups need the summaries, and a summary cannot be made up afterwards.
  return major >= 17 ? { summarize_wal: 'on', wal_summary_keep_time: '10d' } : {};
}

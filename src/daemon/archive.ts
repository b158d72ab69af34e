import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { systemClock } from '../foundation/core/observe.ts';
import type { ArchiveObservation } from '../operator/backup/archive/observations.ts';
import { databaseAddress } from './database-address.ts';
import type { Figures } from './metrics.ts';
import type { Station } from './station.ts';

export interface RunningArchive {
  readonly figures: () => Figures;
  /** For alerts: milliseconds by which the store is behind, and why. */
  readonly trouble: () => {
    readonly lag: number | undefined;
    readonly failure: string | undefined;
    readonly refused: string | undefined;
    /** Why files pile up in pg_wal. */
    readonly stuck: string | undefined;
  };
  /** Applications may only read: the disk is full. */
  readonly holdsWrites: () => boolean;
  stop(): Promise<void>;
}

/** Archives WAL where the configuration says so; loads none of it where it does not. */
export async function startArchive(
  config: RuntimeConfig,
  { descriptors }: Station,
  log: Logger,
): Promise<RunningArchive | undefined> {
  if (config.archive === undefined) return undefined;
  const { socketDirectory, spool, repository, home, whenFull } = config.archive;
  const { startArchiver } = await import('../operator/backup/archive/archiver.ts');
  const archiver = await startArchiver(
    {
      directory: socketDirectory,
      fd: descriptors.get('archive'),
      spool,
      whenFull,
      place: { directory: repository, home: { directory: home } },
      address: databaseAddress(config),
    },
    { observe: (told) => write(log, told), signal: new AbortController().signal, clock: systemClock },
  );
  const figures = (): Figures => {
    const status = archiver.status();
    const ago = (at: number | undefined): number | undefined => at && (Date.now() - at) / 1_000;
    return [
      {
        name: 'archive_upload_lag_seconds',
        help: 'Age of the oldest WAL that is only on this machine.',
        value: status && (ago(status.oldestAt) ?? 0),
      },
      {
        name: 'archive_upload_waiting_bytes',
        help: 'Sealed WAL that is only on this machine.',
        value: status?.waitingBytes,
      },
      {
        name: 'archive_last_wal_age_seconds',
        help: 'Since Postgres last handed over WAL; none since the start leaves it out.',
        value: ago(status?.archivedAt),
      },
      {
        name: 'archive_failing',
        help: 'Whether the last WAL could not be kept, or the store not be reached.',
        value:
          status && Number([status.refused, status.failure, status.stuck].some((trouble) => trouble !== undefined)),
      },
      {
        name: 'archive_holds_writes',
        help: 'Whether applications may only read because the disk is full.',
        value: status && Number(status.holdsWrites),
      },
    ];
  };
  const trouble: RunningArchive['trouble'] = () => {
    const status = archiver.status();
    const lag = status?.oldestAt === undefined ? undefined : Date.now() - status.oldestAt;
    return { lag, failure: status?.failure?.message, refused: status?.refused, stuck: status?.stuck };
  };
  const holdsWrites = (): boolean => archiver.status()?.holdsWrites === true;
  return { figures, trouble, holdsWrites, stop: () => archiver.stop() };
}

/** While the disk is full, what would write is told to come again; Postgres refuses what comes another way. */
export function holdingWritesBack(handler: RequestListener, held: () => boolean): RequestListener {
  return (request, response) => {
    if (!held() || READS.has(request.method ?? '')) return handler(request, response);
    const message = 'The disk of the server is full: it answers reads alone until there is room';
    response.writeHead(503, { 'Content-Type': 'application/json; charset=utf-8', 'Retry-After': '60' });
    response.end(JSON.stringify({ code: 'PT503', details: null, hint: null, message }));
  };
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What went well is told when somebody looks for it. */
function write(log: Logger, { event, ...fields }: ArchiveObservation): void {
  if (event.endsWith('.failed') || event.endsWith('.noted')) log.warn(fields, event);
  else log.debug(fields, event);
}

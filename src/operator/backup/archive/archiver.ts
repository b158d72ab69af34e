import { asVectabaseError, messageOf } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { openWriter } from '../catalog/append.ts';
import { Epochs } from '../epochs.ts';
import { readRecipients } from '../recovery-key.ts';
import { openRepository, type RepositoryPlace } from '../repository.ts';
import { serveArchive } from './archive-server.ts';
import { readCluster } from './cluster.ts';
import { holdWrites, stuckArchive } from './backlog.ts';
import { DiskGuard } from './disk-guard.ts';
import { keepBeating, type Beat } from './heartbeat.ts';
import type { ArchiveObservation } from './observations.ts';
import type { Pressure } from './pressure.ts';
import type { SocketInput } from './socket.ts';
import { Spool } from './spool.ts';
import { Uploader, type UploadStatus } from './upload.ts';

export interface ArchiverInput extends Pick<SocketInput, 'directory' | 'fd' | 'owner'> {
  readonly spool: string;
  readonly place: RepositoryPlace;
  readonly whenFull: 'stop-writes' | 'drop-wal';
  /** Any role that may run `vectabase.beat()`. */
  readonly address: DatabaseAddress;
}

export interface ArchiveStatus extends UploadStatus {
  /** When Postgres last handed over a file, in milliseconds since the epoch; undefined since the start. */
  readonly archivedAt: number | undefined;
  /** Why the last file was not kept; undefined when it was. */
  readonly refused: string | undefined;
  /** Why files pile up in pg_wal; undefined when they do not. */
  readonly stuck: string | undefined;
  /** How full the disk of the spool is. Jobs that can wait do from `tight` on. */
  readonly disk: Pressure;
  /** Writes of applications are held back until there is room. */
  readonly holdsWrites: boolean;
}

export interface Archiver {
  /** Undefined until the cluster is known. */
  status(): ArchiveStatus | undefined;
  /** A new key from the next file on. */
  endEpoch(): void;
  stop(): Promise<void>;
}

/** Milliseconds between attempts to ask the database who it is. */
const RETRY = 500;
/** Milliseconds that the store and the catalogue are given when we stop. */
const LAST_WORD = 5_000;

/**
 * All of archiving: takes files from Postgres, seals them into the spool, brings them to the store and commits once a
 * minute. Postgres is refused, and keeps its files, until the database was asked which cluster it is.
 *
 * @throws VectabaseError BACKUP_KEY_MISSING when there is nobody to seal for; as `openSocket`
 */
export async function startArchiver(input: ArchiverInput, outer: JobContext<ArchiveObservation>): Promise<Archiver> {
  const stopping = new AbortController();
  /** What waits may be brought to the store, and the catalogue told, a little longer. */
  const ended = new AbortController();
  const signal = AbortSignal.any([outer.signal, stopping.signal]);
  const startedAt = outer.clock.now();
  const last: Omit<ArchiveStatus, keyof UploadStatus | 'disk'> = {
    archivedAt: undefined,
    refused: undefined,
    stuck: undefined,
    holdsWrites: false,
  };
  const ctx: JobContext<ArchiveObservation> = {
    ...outer,
    signal,
    observe: (told) => {
      if (told.event === 'archive.wal.finished')
        Object.assign(last, { archivedAt: outer.clock.now(), refused: undefined });
      if (told.event === 'archive.wal.failed') Object.assign(last, { refused: told.reason });
      outer.observe(told);
    },
  };
  const { home } = input.place;
  await readRecipients(home);
  const epochs = new Epochs(async () => readRecipients(home), ctx.clock);
  let running: { spool: Spool; uploader: Uploader; guard: DiskGuard } | undefined;
  const server = await serveArchive({ ...input, spool: () => running?.spool, observe: ctx.observe, signal });

  const work = (async () => {
    const spool = await untilOpen(input, epochs, ctx);
    if (!spool) return;
    const { store } = await openRepository(input.place);
    const { systemId } = spool.cluster;
    const catalogue = openWriter({ store, systemId, home, clock: ctx.clock, signal: ended.signal });
    const uploader = new Uploader({ spool, store, catalogue, lastWord: ended.signal }, ctx);
    const giveWay = async (give: boolean): Promise<void> => {
      spool.dropping = give && input.whenFull === 'drop-wal';
      const hold = give && input.whenFull === 'stop-writes';
      await holdWrites(input.address, hold);
      Object.assign(last, { holdsWrites: hold });
    };
    const guard = new DiskGuard({ directory: input.spool, giveWay }, ctx);
    running = { spool, uploader, guard };
    const beat = ({ mark, backlog }: Beat): void => {
      uploader.mark(mark);
      const stuck = stuckArchive(backlog, startedAt, ctx.clock.now());
      if (stuck !== undefined) ctx.observe({ event: 'archive.backlog.noted', id: 'pg_wal', reason: stuck });
      Object.assign(last, { stuck });
    };
    const failed = (reason: string): void =>
      ctx.observe({ event: 'archive.beat.failed', id: 'heartbeat', code: 'DATABASE_UNREACHABLE', reason });
    await Promise.all([uploader.run(), guard.run(), keepBeating({ address: input.address, beat, failed, signal })]);
    await store.close();
  })();
  work.catch((error: unknown) =>
    ctx.observe({ event: 'archive.upload.failed', id: 'wal', code: 'BUG', reason: messageOf(error), retryMs: 0 }),
  );
  return {
    status: () => running && { ...running.uploader.status, ...last, disk: running.guard.level },
    endEpoch: () => epochs.end(),
    stop: async () => {
      // First, so that a file that is being handed over is still kept.
      await server.close();
      stopping.abort();
      const late = setTimeout(() => ended.abort(), LAST_WORD);
      await work.catch(() => undefined);
      clearTimeout(late);
    },
  };
}

/** Postgres may start after us, and the disk of the spool may be mounted later still. */
async function untilOpen(
  { address, spool }: ArchiverInput,
  epochs: Epochs,
  { signal, observe, clock }: JobContext<ArchiveObservation>,
): Promise<Spool | undefined> {
  let told = '';
  while (!signal.aborted) {
    try {
      return await Spool.open({ directory: spool, cluster: await readCluster(address), epochs, clock });
    } catch (error) {
      const { code, message: reason } = asVectabaseError(error);
      if (reason !== told) observe({ event: 'archive.start.failed', id: 'spool', code, reason });
      told = reason;
      await sleep(RETRY, signal).catch(() => undefined);
    }
  }
  return undefined;
}

import type { Observation, Phase } from '../../../foundation/core/observe.ts';

/** Everything noteworthy that archiving says. `id` is the file of pg_wal unless told otherwise. */
export type ArchiveObservation = Observation & { event: `archive.${string}.${Phase}` } & (
    | { event: 'archive.wal.finished'; id: string; bytes: number; ms: number; again: boolean }
    | { event: 'archive.wal.failed'; id: string; code: string; reason: string }
    /** Sealed bytes; `waiting` files are left. */
    | { event: 'archive.upload.finished'; id: string; bytes: number; ms: number; waiting: number }
    | { event: 'archive.upload.failed'; id: string; code: string; reason: string; retryMs: number }
    | { event: 'archive.beat.failed' | 'archive.start.failed'; id: string; code: string; reason: string }
    /** How full the disk of the spool is now: ok, low, tight, full. `bytes` are free. */
    | { event: 'archive.disk.noted'; id: string; bytes: number }
    /** Somebody should look: files pile up in pg_wal. */
    | { event: 'archive.backlog.noted'; id: string; reason: string }
    /** WAL that was not kept, by the owner's choice for a full disk. */
    | { event: 'archive.gap.noted'; id: string }
    /** Served to a server in recovery. */
    | { event: 'archive.restore.finished'; id: string; bytes: number; ms: number }
    | { event: 'archive.restore.failed'; id: string; code: string; reason: string }
  );

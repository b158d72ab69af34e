import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../../foundation/core/errors.ts';

/** What `global/pg_control` says of a cluster, as far as a restore must know it. */
export interface ControlFile {
  readonly systemId: bigint;
  /** `shut down`: the last word of the WAL is at `checkpoint`. Anything else: nobody knows where it ends. */
  readonly cleanlyStopped: boolean;
  readonly checkpoint: bigint;
  readonly timeline: number;
  readonly segmentBytes: number;
  /** A server that replays this WAL must not have less of them, or it stops in the middle. */
  readonly limits: Readonly<Record<(typeof LIMITS)[number], number>>;
}

const LIMITS = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
] as const;

/**
 * Offsets of the C structure on 64-bit machines (src/include/catalog/pg_control.h), of versions 1300 (Postgres 13 to
 * 16), 1700 and 1800: they differ in what follows, and in a field that fills a hole. pg_controldata, which reads it
 * for people, does not come with the packaged binaries.
 */
const AT = { systemId: 0, version: 8, state: 16, checkpoint: 32, timeline: 48, limits: 180, segmentBytes: 228 };
const VERSIONS = [1300, 1700, 1800];
const SHUT_DOWN = 1;

/** @throws VectabaseError POSTGRES_VERSION for a layout that is not known here */
export async function readControlFile(data: string): Promise<ControlFile> {
  const bytes = await readFile(path.join(data, 'global', 'pg_control'));
  const version = bytes.readUInt32LE(AT.version);
  const segmentBytes = bytes.readUInt32LE(AT.segmentBytes);
  // A power of two from 1 MB to 1 GB: anything else would be another field.
  const sane = segmentBytes >= 1 << 20 && segmentBytes <= 1 << 30 && (segmentBytes & (segmentBytes - 1)) === 0;
  if (!VERSIONS.includes(version) || !sane) {
    throw new VectabaseError('POSTGRES_VERSION', {
      message: `the cluster in ${data} has a control file of version ${version}, which this release cannot read`,
      hint: 'Postgres 16 to 18 are supported.',
    });
  }
  return {
    systemId: bytes.readBigUInt64LE(AT.systemId),
    cleanlyStopped: bytes.readUInt32LE(AT.state) === SHUT_DOWN,
    checkpoint: bytes.readBigUInt64LE(AT.checkpoint),
    timeline: bytes.readUInt32LE(AT.timeline),
    segmentBytes,
    limits: Object.fromEntries(
      LIMITS.map((name, index) => [name, bytes.readUInt32LE(AT.limits + 4 * index)]),
    ) as Record<(typeof LIMITS)[number], number>,
  };
}

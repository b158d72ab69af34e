import { formatLsn, WalSegments, type WalFile } from '../names.ts';

/** What the first page of a segment says of itself. Little-endian, as on every platform that we run on. */
export interface FirstPage {
  readonly timeline: number;
  /** LSN of its first byte. */
  readonly start: bigint;
  readonly systemId: string;
  readonly segmentBytes: number;
}

/** Bytes of XLogLongPageHeaderData, which begins each segment. */
export const FIRST_PAGE_BYTES = 40;

/** `XLP_LONG_HEADER` in xlp_info. */
const LONG_HEADER = 0x0002;

export function readFirstPage(bytes: Buffer): FirstPage | undefined {
  if (bytes.length < FIRST_PAGE_BYTES || (bytes.readUInt16LE(2) & LONG_HEADER) === 0) return undefined;
  return {
    timeline: bytes.readUInt32LE(4),
    start: bytes.readBigUInt64LE(8),
    systemId: bytes.readBigUInt64LE(24).toString(),
    segmentBytes: bytes.readUInt32LE(32),
  };
}

/**
 * Why a segment cannot be what its name says; undefined when it can. Catches a file of another cluster, a recycled one
 * and a cut one on the day they are archived, not on the day of the restore.
 */
export function foreignSegment(
  file: Extract<WalFile, { number: unknown }>,
  page: FirstPage | undefined,
  cluster: { readonly systemId: string; readonly segmentBytes: number },
): string | undefined {
  if (!page) return 'it does not begin as WAL does';
  if (page.systemId !== cluster.systemId) return `it is of cluster ${page.systemId}, not of ${cluster.systemId}`;
  if (page.segmentBytes !== cluster.segmentBytes) return `it has segments of ${page.segmentBytes} bytes`;
  const start = new WalSegments(cluster.segmentBytes).start(file.number);
  if (page.start !== start) return `it begins at ${formatLsn(page.start)}, not at ${formatLsn(start)}`;
  // The first segment of a new timeline begins as a copy of the old one's.
  if (page.timeline > file.timeline) return `it is of timeline ${page.timeline}`;
  return undefined;
}

/**
 * Names of what is kept, and of what Postgres archives.
 *
 * An object has a name that stands in its sealed header; a store keeps it as `<system id>/<name>.vbk`:
 * `base/LABEL/base.tar`, `wal/00000001/0000000A/000000010000000A000000FE`, `wal/00000002.history`. The middle part is
 * the upper half of the segment's number, so that no directory holds more than 4 GB of WAL.
 */

/** A position in the WAL, in bytes. */
export type Lsn = bigint;

/** A file that Postgres hands to `archive_command`. */
export type WalFile =
  | { readonly kind: 'segment' | 'partial'; readonly timeline: number; readonly number: SegmentNumber }
  | {
      readonly kind: 'backup';
      readonly timeline: number;
      readonly number: SegmentNumber;
      /** Bytes into the segment at which the base backup began. */
      readonly offset: number;
    }
  | { readonly kind: 'history'; readonly timeline: number };

/** The two halves of a segment's number as they stand in its name; how many make one of the upper depends on its size. */
export interface SegmentNumber {
  readonly upper: number;
  readonly lower: number;
}

const WAL_FILE = /^([0-9A-F]{8})(?:([0-9A-F]{8})([0-9A-F]{8})(?:(\.partial)|\.([0-9A-F]{8})\.backup)?|(\.history))$/;

/** Undefined for any name that Postgres never archives. Names of one file have one spelling: `parse` then `format` is it. */
export function parseWalFile(name: string): WalFile | undefined {
  const [, tli = '', upper, lower = '', partial, offset, history] = WAL_FILE.exec(name) ?? [];
  const timeline = Number.parseInt(tli, 16);
  if (!(timeline > 0)) return undefined;
  if (history !== undefined) return { kind: 'history', timeline };
  if (upper === undefined) return undefined;
  const number = { upper: Number.parseInt(upper, 16), lower: Number.parseInt(lower, 16) };
  // A segment has at least 1 MB, so 4 GB have at most 4096 of them.
  if (number.lower > 0xfff) return undefined;
  if (offset !== undefined) return { kind: 'backup', timeline, number, offset: Number.parseInt(offset, 16) };
  return { kind: partial === undefined ? 'segment' : 'partial', timeline, number };
}

export function formatWalFile(file: WalFile): string {
  if (file.kind === 'history') return `${hex(file.timeline)}.history`;
  const segment = `${hex(file.timeline)}${hex(file.number.upper)}${hex(file.number.lower)}`;
  if (file.kind === 'partial') return `${segment}.partial`;
  return file.kind === 'backup' ? `${segment}.${hex(file.offset)}.backup` : segment;
}

/** The name of a WAL file as an object: `wal/00000001/00000000/000000010000000000000003`. */
export function walObject(file: WalFile): string {
  const name = formatWalFile(file);
  if (file.kind === 'history') return `wal/${name}`;
  return `wal/${hex(file.timeline)}/${hex(file.number.upper)}/${name}`;
}

/** The way back; undefined for another object, or a file in a place that is not its own. */
export function walFileOf(object: string): WalFile | undefined {
  const file = parseWalFile(object.slice(object.lastIndexOf('/') + 1));
  return file && walObject(file) === object ? file : undefined;
}

export function baseObject(label: string, name: 'base.tar' | 'manifest'): string {
  return `base/${label}/${name}`;
}

/** What lies beside a base backup in clear, for days on which the catalogue is lost. */
export function recordName(label: string): string {
  return `base/${label}/backup.json`;
}

/** Where a store keeps an object. */
export function storeKey(systemId: string, object: string): string {
  return `${systemId}/${object}.vbk`;
}

/** `0/3000060` */
export function parseLsn(text: string): Lsn | undefined {
  const [, upper, lower] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  if (upper === undefined || lower === undefined) return undefined;
  return (BigInt(`0x${upper}`) << 32n) | BigInt(`0x${lower}`);
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/**
 * Segments of one size (`wal_segment_size`, 16 MB unless initdb was told otherwise), counted.
 *
 * @param segmentBytes a power of two between 1 MB and 1 GB
 */
export class WalSegments {
  readonly segmentBytes: number;
  readonly #perUpper: bigint;

  constructor(segmentBytes = 16 * 1024 * 1024) {
    const bits = Math.log2(segmentBytes);
    if (!Number.isInteger(bits) || bits < 20 || bits > 30) throw new Error(`no size of a WAL segment: ${segmentBytes}`);
    this.segmentBytes = segmentBytes;
    this.#perUpper = 0x1_0000_0000n / BigInt(segmentBytes);
  }

  /** The segment that a position lies in. One at a boundary lies in the segment that begins there. */
  at(lsn: Lsn): SegmentNumber {
    return this.#number(lsn / BigInt(this.segmentBytes));
  }

  /** The first position of a segment. */
  start(number: SegmentNumber): Lsn {
    return this.#index(number) * BigInt(this.segmentBytes);
  }

  next(number: SegmentNumber): SegmentNumber {
    return this.#number(this.#index(number) + 1n);
  }

  /** Segments from one to another: 1 for neighbours, negative when `to` is before. */
  distance(from: SegmentNumber, to: SegmentNumber): number {
    return Number(this.#index(to) - this.#index(from));
  }

  /** The name of the segment that a position lies in. */
  nameAt(timeline: number, lsn: Lsn): string {
    return formatWalFile({ kind: 'segment', timeline, number: this.at(lsn) });
  }

  #index({ upper, lower }: SegmentNumber): bigint {
    return BigInt(upper) * this.#perUpper + BigInt(lower);
  }

  #number(index: bigint): SegmentNumber {
    return { upper: Number(index / this.#perUpper), lower: Number(index % this.#perUpper) };
  }
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, '0');
}

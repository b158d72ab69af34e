import type { Readable } from 'node:stream';
import { z } from 'zod';

/**
 * What stands in clear before a sealed stream (docs/backup.md): magic with the version, length, JSON. All of it is
 * bound to the payload, so what it says is proved as soon as the payload opens, and not before.
 */
const COMMON = {
  /** What is in it: `base/20261122T030000Z/base.tar`, `wal/00000001/00000000/000000010000000000000003`. */
  object: z.string().min(1),
  /** Of the cluster: 64 bits in decimal digits. */
  systemId: z.string().regex(/^\d+$/),
  /** ISO 8601. */
  createdAt: z.string(),
  /** `17.10` */
  postgres: z.string(),
  /** An age file, armored, with the 32 bytes that seal the payload. */
  key: z.string(),
};

const KIND = z.enum(['base', 'wal', 'dump', 'config']);

const VERSION_1 = z.strictObject({ ...COMMON, compression: z.literal('gzip') });
const VERSION_2 = z.strictObject({
  ...COMMON,
  kind: KIND,
  /** Of WAL and history files. */
  timeline: z.int().min(1).max(0xffff_ffff).optional(),
  compression: z.enum(['brotli', 'none']),
  /** Names the key: one for many files, so that a WAL segment costs no work with age. */
  epoch: z.string().min(1),
});

export type ObjectKind = z.output<typeof KIND>;
export type Compression = 'gzip' | 'brotli' | 'none';

/** The header of a file that is written now. */
export type NewHeader = z.output<typeof VERSION_2>;

/** The header of a file of any version; those before 2 tell neither kind nor epoch. */
export interface ObjectHeader extends Omit<NewHeader, 'kind' | 'epoch' | 'compression' | 'timeline'> {
  readonly version: 1 | 2;
  readonly compression: Compression;
  readonly kind: ObjectKind | undefined;
  readonly timeline: number | undefined;
  readonly epoch: string | undefined;
}

const MAGIC = Buffer.from('VTBACKUP', 'latin1');
const START = MAGIC.length + 1 + 4;
const MOST_HEADER = 1024 * 1024;

export function encodeHeader(header: NewHeader): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(START);
  MAGIC.copy(start);
  start[MAGIC.length] = 2;
  start.writeUInt32BE(text.length, MAGIC.length + 1);
  return Buffer.concat([start, text]);
}

/**
 * Reads the header off a stream, which then gives what follows it.
 *
 * @returns undefined when it does not begin as a file of ours
 */
export async function takeHeader(source: Readable): Promise<{ header: ObjectHeader; preamble: Buffer } | undefined> {
  const head = await take(source, START);
  const version = head[MAGIC.length];
  if (head.length < START || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const length = head.readUInt32BE(MAGIC.length + 1);
  if (length > MOST_HEADER) return undefined;
  const text = await take(source, length);
  const header = text.length === length ? parseHeader(version, text.toString('utf8')) : undefined;
  return header && { header, preamble: Buffer.concat([head, text]) };
}

function parseHeader(version: number | undefined, text: string): ObjectHeader | undefined {
  const value = parse(text);
  if (version === 1) {
    const { data } = VERSION_1.safeParse(value);
    return data && { ...data, version, kind: undefined, timeline: undefined, epoch: undefined };
  }
  if (version !== 2) return undefined;
  const { data } = VERSION_2.safeParse(value);
  return data && { ...data, version, timeline: data.timeline };
}

/** As many bytes as there are, at most `length`; the rest goes back. */
async function take(source: Readable, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let missing = length;
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, missing));
    if (chunk.length >= missing) {
      // Also when it is empty: a stream that was read to its end would otherwise end before it is piped on.
      source.unshift(chunk.subarray(missing));
      break;
    }
    missing -= chunk.length;
  }
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

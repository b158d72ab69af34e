import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable, type Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { inBulk } from '../../foundation/core/bulk.ts';
import { syncDirectory } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { openStream, SealBroken, sealStream } from '../../foundation/crypto/sealed-stream.ts';
import { fingerprintOf, openWithEpoch, type Epoch, type KeyOpener } from './epochs.ts';
import { encodeHeader, takeHeader, type Compression, type NewHeader, type ObjectHeader } from './header.ts';
import { pack, PiecesBroken, unpack } from './pieces.ts';

/**
 * A file that explains itself: magic, length of the header, header as JSON, sealed stream (docs/backup.md). The header
 * is bound to the payload as its associated data, so a file that was renamed, or is of another cluster, does not open.
 */

/** What is known of a file that was written, for the catalogue. Lengths in bytes, hashes SHA-256 in hexadecimal. */
export interface SealedObject {
  readonly object: string;
  readonly plainBytes: number;
  readonly plainSha256: string;
  readonly sealedBytes: number;
  readonly sealedSha256: string;
}

/** What is sealed; the rest of the header follows. */
export type ObjectFacts = Omit<NewHeader, 'epoch' | 'key' | 'compression'> & {
  /** `none` for what is compressed already. */
  readonly compression?: NewHeader['compression'];
};

interface SealOptions {
  readonly signal: AbortSignal;
  /** Hears how many bytes were read so far. */
  readonly tell?: (bytes: number) => void;
  /** Whether what was written is read again and authenticated before it gets its name. */
  readonly readBack?: boolean;
}

/** Compresses and seals a stream into a file that appears whole or not at all. */
export async function sealFile(
  file: string,
  source: Readable,
  what: { facts: ObjectFacts; epoch: Epoch },
  options: SealOptions,
): Promise<SealedObject> {
  return inBulk(async () => seal(file, source, what, options));
}

async function seal(
  file: string,
  source: Readable,
  { facts, epoch }: { facts: ObjectFacts; epoch: Epoch },
  { signal, tell, readBack = false }: SealOptions,
): Promise<SealedObject> {
  const { object, systemId, compression = 'brotli' } = facts;
  const preamble = encodeHeader({ ...facts, compression, epoch: epoch.id, key: epoch.wrapped });
  const [plain, sealed] = [new Sum(tell), new Sum()];
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      const content = compression === 'none' ? passing(plain) : pack((piece) => plain.add(piece));
      sealed.add(preamble);
      await handle.write(preamble);
      await pipeline(
        source,
        content,
        sealStream(epoch.key, digest(preamble)),
        async (chunks: AsyncIterable<Buffer>) => writeFile(handle, passing(sealed)(chunks)),
        { signal },
      );
      // At the same time: what is read comes from the kernel's memory, before it reached the disk and after.
      const proof = readBack
        ? openFile(fresh, { opener: openWithEpoch(epoch), expect: { object, systemId } })
        : undefined;
      await Promise.all([handle.sync(), proof?.then(async (opened) => opened.authenticate())]);
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
  return {
    object,
    plainBytes: plain.bytes,
    plainSha256: plain.sha256(),
    sealedBytes: sealed.bytes,
    sealedSha256: sealed.sha256(),
  };
}

export interface OpenedObject {
  readonly header: ObjectHeader;
  /** SHA-256 of the key that opens it: the signed catalogue knows those of our own files. */
  readonly fingerprint: string;
  /**
   * Hands over the content, once. It fails with BACKUP_DAMAGED when what it gave so far is not to be believed: act on
   * nothing before its end.
   */
  readonly read: (sink: (plain: Readable) => Promise<void>) => Promise<void>;
  /** Instead of reading: proves every byte, and unpacks nothing. A third of the work. */
  readonly authenticate: () => Promise<void>;
}

export interface OpenOptions {
  /** How an error names it. */
  readonly name: string;
  readonly opener: KeyOpener;
  /** What it must be: sealed files can change places, and open wherever they are. */
  readonly expect?: { readonly object: string; readonly systemId: string };
}

/**
 * Opens a sealed object as it comes from a file or a store. Call `read`, or the source stays open.
 *
 * @throws VectabaseError BACKUP_DAMAGED for no file of ours, or another than expected; SECRETS_KEY_WRONG when no
 *   identity opens it
 */
export async function openSealed(source: Readable, { name, opener, expect }: OpenOptions): Promise<OpenedObject> {
  try {
    const taken = await takeHeader(source).catch((cause: unknown) => {
      throw cause instanceof VectabaseError ? cause : damaged(name, cause);
    });
    if (!taken) throw damaged(name);
    const { header, preamble } = taken;
    if (expect && (header.object !== expect.object || header.systemId !== expect.systemId)) throw other(name, header);
    const key = await opener(header, name);
    const opening = openStream(key, digest(preamble));
    const reading = { name, compression: header.compression };
    return {
      header,
      fingerprint: fingerprintOf(key),
      read: async (sink) => inBulk(async () => read([source, opening], reading, sink)),
      authenticate: async () => inBulk(async () => read([source, opening], { name, compression: 'none' }, drain)),
    };
  } catch (error) {
    source.destroy();
    throw error;
  }
}

/** As `openSealed`, from a file. */
export async function openFile(file: string, options: Omit<OpenOptions, 'name'>): Promise<OpenedObject> {
  return openSealed(createReadStream(file, { highWaterMark: AHEAD }), { ...options, name: file });
}

/** Bytes that may wait between two stages: with less each would wait for the one before, and only one would ever work. */
const AHEAD = 1024 * 1024;

async function read(
  [source, opening]: readonly [Readable, Transform],
  { name, compression }: { name: string; compression: Compression },
  sink: (plain: Readable) => Promise<void>,
): Promise<void> {
  let work: Promise<void> | undefined;
  try {
    await pipeline(source, opening, decompressor(compression), async (plain: AsyncIterable<Buffer>) => {
      work = sink(
        plain instanceof Readable ? plain : Readable.from(plain, { objectMode: false, highWaterMark: AHEAD }),
      );
      await work;
    });
  } catch (error) {
    // A pipeline does not wait for its last stage when one before it failed; who clears up after that stage must.
    await work?.catch(() => undefined);
    throw error instanceof SealBroken || error instanceof PiecesBroken || isZlib(error) ? damaged(name, error) : error;
  }
}

async function drain(content: Readable): Promise<void> {
  await finished(content.resume());
}

function decompressor(compression: Compression): Transform | typeof unpack {
  if (compression === 'brotli') return unpack;
  return compression === 'none' ? new PassThrough() : createGunzip({ chunkSize: AHEAD });
}

function digest(preamble: Buffer): Buffer {
  return createHash('sha256').update(preamble).digest();
}

/** Of version 1. */
function isZlib(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}

function damaged(name: string, cause?: unknown): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${name} is not what was written${cause instanceof SealBroken ? `: ${cause.message}` : ''}`,
    hint: 'Use another copy of this backup, or an earlier backup: vectabase backup list.',
    details: { file: name },
    cause,
  });
}

function other(name: string, { object, systemId }: ObjectHeader): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${name} is ${object} of cluster ${systemId}, and another was expected there`,
    hint: 'Put the files of the backup back to where they were, or use another copy.',
    details: { file: name },
  });
}

/** Counts and hashes. */
class Sum {
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #tell: ((bytes: number) => void) | undefined;

  constructor(tell?: (bytes: number) => void) {
    this.#tell = tell;
  }

  add(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    this.#tell?.(this.bytes);
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }
}

function passing(sum: Sum) {
  return async function* pass(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      sum.add(chunk);
      yield chunk;
    }
  };
}

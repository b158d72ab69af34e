import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress, createBrotliDecompress, createGunzip } from 'node:zlib';
import { syncDirectory } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { openStream, SealBroken, sealStream } from '../../foundation/crypto/sealed-stream.ts';
import { fingerprintOf, type Epoch, type KeyOpener } from './epochs.ts';
import { encodeHeader, takeHeader, type Compression, type NewHeader, type ObjectHeader } from './header.ts';

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
}

/** Compresses and seals a stream into a file that appears whole or not at all. */
export async function sealFile(
  file: string,
  source: Readable,
  { facts, epoch }: { facts: ObjectFacts; epoch: Epoch },
  { signal, tell }: SealOptions,
): Promise<SealedObject> {
  const { compression = 'brotli' } = facts;
  const preamble = encodeHeader({ ...facts, compression, epoch: epoch.id, key: epoch.wrapped });
  const [plain, sealed] = [new Meter(tell), new Meter()];
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    const sink = createWriteStream(fresh, { flags: 'wx', mode: 0o600, flush: true, highWaterMark: AHEAD });
    sealed.write(preamble);
    const seal = sealStream(epoch.key, digest(preamble));
    await pipeline(source, plain, compressor(compression), seal, sealed, sink, { signal });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
  return {
    object: facts.object,
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
    const open = openStream(key, digest(preamble));
    const reading = { name, compression: header.compression };
    return {
      header,
      fingerprint: fingerprintOf(key),
      read: async (sink) => read([source, open], reading, sink),
      authenticate: async () => read([source, open], { name, compression: 'none' }, drain),
    };
  } catch (error) {
    source.destroy();
    throw error;
  }
}

/** As `openSealed`, from a file. */
export async function openFile(file: string, options: Omit<OpenOptions, 'name'>): Promise<OpenedObject> {
  return openSealed(createReadStream(file, { highWaterMark: CHUNK }), { ...options, name: file });
}

const CHUNK = 256 * 1024;
/** Bytes that may wait between two stages: with less each would wait for the one before, and only one would ever work. */
const AHEAD = 1024 * 1024;
const BUFFERS = { readableHighWaterMark: AHEAD, writableHighWaterMark: AHEAD };

async function read(
  [source, open]: readonly [Readable, Transform],
  { name, compression }: { name: string; compression: Compression },
  sink: (plain: Readable) => Promise<void>,
): Promise<void> {
  try {
    await pipeline(source, open, decompressor(compression), async (plain: AsyncIterable<Buffer>) =>
      sink(plain as Readable),
    );
  } catch (error) {
    throw error instanceof SealBroken || isZlib(error) ? damaged(name, error) : error;
  }
}

async function drain(content: Readable): Promise<void> {
  await finished(content.resume());
}

/**
 * Quality 1 with a window of 256 kB. Measured against gzip -1: twice as fast at the same ratio, and 16 MB of zeros,
 * which an idle database archives each minute, are 3 kB instead of 73.
 */
function compressor(compression: NewHeader['compression']): Transform {
  if (compression === 'none') return new PassThrough();
  return createBrotliCompress({
    ...BUFFERS,
    chunkSize: CHUNK,
    params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 18 },
  });
}

function decompressor(compression: Compression): Transform {
  if (compression === 'none') return new PassThrough();
  return compression === 'gzip'
    ? createGunzip({ ...BUFFERS, chunkSize: CHUNK })
    : createBrotliDecompress({ ...BUFFERS, chunkSize: CHUNK });
}

function digest(preamble: Buffer): Buffer {
  return createHash('sha256').update(preamble).digest();
}

/** `Z_…` of gzip; `ERR__ERROR_FORMAT_…` and `ERR_BROTLI_…` of brotli. */
function isZlib(error: unknown): boolean {
  return /^(Z_|ERR__ERROR_|ERR_BROTLI|ERR_PADDING)/.test(String((error as NodeJS.ErrnoException).code));
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

/** Counts and hashes what passes. */
class Meter extends Transform {
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #tell: ((bytes: number) => void) | undefined;

  constructor(tell?: (bytes: number) => void) {
    super(BUFFERS);
    this.#tell = tell;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    this.#tell?.(this.bytes);
    done(null, chunk);
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }
}

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { syncDirectory } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { openFromAge, sealForAge } from '../../foundation/crypto/age.ts';
import type { AgeIdentity, AgeRecipient } from '../../foundation/crypto/age-keys.ts';
import { openStream, SealBroken, sealStream } from '../../foundation/crypto/sealed-stream.ts';

/**
 * A file that explains itself: magic, length of the header, header as JSON, sealed stream (docs/backup.md). The header
 * is bound to the payload as its associated data, so a file that was renamed, or is of another cluster, does not open.
 */
const HEADER = z.strictObject({
  /** What is in it: `base/20261122T030000Z/base.tar`. */
  object: z.string().min(1),
  /** Of the cluster: 64 bits in decimal digits. */
  systemId: z.string().regex(/^\d+$/),
  /** ISO 8601. */
  createdAt: z.string(),
  postgres: z.string(),
  compression: z.literal('gzip'),
  /** An age file, armored, with the 32 bytes that seal the payload. */
  key: z.string(),
});

export type ObjectHeader = z.output<typeof HEADER>;

/** What is known of a file that was written, for the catalogue. Lengths in bytes, hashes SHA-256 in hexadecimal. */
export interface SealedObject {
  readonly object: string;
  readonly plainBytes: number;
  readonly plainSha256: string;
  readonly sealedBytes: number;
  readonly sealedSha256: string;
}

const MAGIC = Buffer.from('VTBACKUP\x01', 'latin1');
const MOST_HEADER = 1024 * 1024;

/** A new key for the files of one backup, wrapped for who may open them. */
export async function newBackupKey(recipients: readonly AgeRecipient[]): Promise<{ key: Buffer; wrapped: string }> {
  const key = randomBytes(32);
  return { key, wrapped: await sealForAge(key.toString('base64'), recipients) };
}

interface SealOptions {
  readonly signal: AbortSignal;
  /** Hears how many bytes were read so far. */
  readonly tell?: (bytes: number) => void;
}

/** Compresses and seals a stream into a file that appears whole or not at all. */
export async function sealFile(
  file: string,
  source: Readable,
  { header, key }: { header: ObjectHeader; key: Buffer },
  { signal, tell }: SealOptions,
): Promise<SealedObject> {
  const preamble = encodeHeader(header);
  const [plain, sealed] = [new Meter(tell), new Meter()];
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    const sink = createWriteStream(fresh, { flags: 'wx', mode: 0o600, flush: true });
    sealed.write(preamble);
    const seal = sealStream(key, digest(preamble));
    await pipeline(source, plain, createGzip({ level: 1 }), seal, sealed, sink, { signal });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
  return {
    object: header.object,
    plainBytes: plain.bytes,
    plainSha256: plain.sha256(),
    sealedBytes: sealed.bytes,
    sealedSha256: sealed.sha256(),
  };
}

/**
 * Opens a file. The stream fails with BACKUP_DAMAGED when what it gave so far is not to be believed: act on nothing
 * before its end.
 *
 * @throws VectabaseError BACKUP_DAMAGED for no file of ours; SECRETS_KEY_WRONG when no identity opens it
 */
export async function openFile(
  file: string,
  identities: readonly AgeIdentity[],
): Promise<{ header: ObjectHeader; read: (sink: (plain: Readable) => Promise<void>) => Promise<void> }> {
  const { header, preamble } = await readHeader(file);
  const key = Buffer.from((await openFromAge(Buffer.from(header.key), identities, file)).toString(), 'base64');
  const read = async (sink: (plain: Readable) => Promise<void>): Promise<void> => {
    const source = createReadStream(file, { start: preamble.length });
    try {
      await pipeline(source, openStream(key, digest(preamble)), createGunzip(), async (plain: AsyncIterable<Buffer>) =>
        sink(plain as Readable),
      );
    } catch (error) {
      throw error instanceof SealBroken || isZlib(error) ? damaged(file, error) : error;
    }
  };
  return { header, read };
}

/** Without any key: who made it, when, of what. What it says is proved only when the file opens. */
export async function readHeader(file: string): Promise<{ header: ObjectHeader; preamble: Buffer }> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw damaged(file, cause);
  });
  try {
    const start = Buffer.alloc(MAGIC.length + 4);
    await handle.read(start, 0, start.length, 0);
    const length = start.readUInt32BE(MAGIC.length);
    if (!start.subarray(0, MAGIC.length).equals(MAGIC) || length > MOST_HEADER) throw damaged(file);
    const text = Buffer.alloc(length);
    await handle.read(text, 0, length, start.length);
    const header = HEADER.safeParse(parse(text.toString('utf8')));
    if (!header.success) throw damaged(file);
    return { header: header.data, preamble: Buffer.concat([start, text]) };
  } finally {
    await handle.close();
  }
}

function encodeHeader(header: ObjectHeader): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([MAGIC, length, text]);
}

function digest(preamble: Buffer): Buffer {
  return createHash('sha256').update(preamble).digest();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isZlib(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}

function damaged(file: string, cause?: unknown): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${file} is not what was written${cause instanceof SealBroken ? `: ${cause.message}` : ''}`,
    hint: 'Use another copy of this backup, or an earlier backup: vectabase backup list.',
    details: { file },
    cause,
  });
}

/** Counts and hashes what passes. */
class Meter extends Transform {
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #tell: ((bytes: number) => void) | undefined;

  constructor(tell?: (bytes: number) => void) {
    super();
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

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/**
 * Bulk data under a 32-byte key: Tink's AES256_GCM_HKDF_1MB streaming construction, byte for byte
 * (https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming).
 *
 * A stream is a header (its length, 32 bytes of salt, 7 of nonce) and segments of one megabyte, each sealed by itself;
 * the nonce holds the segment's number and whether it is the last. So segments cannot be dropped, doubled, reordered or
 * taken from another stream, and a stream that was cut is not a shorter stream. Every stream has a key of its own,
 * which also depends on the associated data: opened with other data, nothing is.
 */

export interface StreamParameters {
  /** Bytes of the stream's own key, and of its salt. */
  readonly keyBytes: 16 | 32;
  readonly hash: 'sha1' | 'sha256';
  /** Bytes of a sealed segment; the header counts as part of the first one. */
  readonly segmentBytes: number;
}

/** What every stream of ours has. The published vectors have others. */
const AES256_GCM_HKDF_1MB: StreamParameters = { keyBytes: 32, hash: 'sha256', segmentBytes: 1024 * 1024 };

const PREFIX = 7;
const TAG = 16;
const MOST_SEGMENTS = 0xffff_ffff;

/** A stream did not open: another key, other associated data, or not what was written. */
export class SealBroken extends Error {}

/** @param key 32 bytes, which may seal any number of streams */
export function sealStream(key: Uint8Array, associatedData: Uint8Array, parameters = AES256_GCM_HKDF_1MB): Transform {
  const salt = randomBytes(parameters.keyBytes);
  const nonce = randomBytes(PREFIX);
  const segments = new Segments(streamKey(key, salt, associatedData, parameters), nonce);
  const { segmentBytes } = parameters;
  const header = Buffer.concat([Buffer.of(headerBytes(parameters)), salt, nonce]);
  const held = new Held();
  let wanted = segmentBytes - header.length - TAG;
  return new Transform({
    ...buffers(segmentBytes),
    construct(done) {
      this.push(header);
      done();
    },
    transform(chunk: Buffer, _encoding, done) {
      attempt(done, () => {
        held.add(chunk);
        // The last one is known only when no more comes.
        while (held.size > wanted) {
          for (const part of segments.seal(held.take(wanted), false)) this.push(part);
          wanted = segmentBytes - TAG;
        }
      });
    },
    flush(done) {
      attempt(done, () => {
        for (const part of segments.seal(held.take(held.size), true)) this.push(part);
      });
    },
  });
}

/**
 * The way back. Each segment is passed on when it was authenticated; that the stream was whole is known only at its
 * end, so whoever reads must hold what came before as provisional until then. Fails with SealBroken.
 */
export function openStream(key: Uint8Array, associatedData: Uint8Array, parameters = AES256_GCM_HKDF_1MB): Transform {
  const held = new Held();
  const length = headerBytes(parameters);
  let segments: Segments | undefined;
  let wanted = parameters.segmentBytes - length;
  return new Transform({
    ...buffers(parameters.segmentBytes),
    transform(chunk: Buffer, _encoding, done) {
      attempt(done, () => {
        held.add(chunk);
        if (!segments) {
          if (held.size < length) return;
          const head = Buffer.concat(held.take(length));
          if (head[0] !== length) throw new SealBroken('no sealed stream');
          const own = streamKey(key, head.subarray(1, length - PREFIX), associatedData, parameters);
          segments = new Segments(own, head.subarray(length - PREFIX));
        }
        while (held.size > wanted) {
          for (const part of segments.open(held, wanted, false)) this.push(part);
          wanted = parameters.segmentBytes;
        }
      });
    },
    flush(done) {
      attempt(done, () => {
        if (!segments) throw new SealBroken('the stream ends within its header');
        for (const part of segments.open(held, held.size, true)) this.push(part);
      });
    },
  });
}

/** A whole segment may wait on either side, so that what comes before and behind can work meanwhile. */
function buffers(segmentBytes: number) {
  return { readableHighWaterMark: segmentBytes, writableHighWaterMark: segmentBytes };
}

function headerBytes({ keyBytes }: StreamParameters): number {
  return 1 + keyBytes + PREFIX;
}

function streamKey(key: Uint8Array, salt: Uint8Array, associatedData: Uint8Array, of: StreamParameters): Buffer {
  return Buffer.from(hkdfSync(of.hash, key, salt, associatedData, of.keyBytes));
}

/** Seals or opens segments, one after the other. */
class Segments {
  readonly #cipher: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: Buffer;
  readonly #prefix: Uint8Array;
  #number = 0;

  constructor(key: Buffer, prefix: Uint8Array) {
    this.#cipher = key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
    this.#key = key;
    this.#prefix = prefix;
  }

  seal(plaintext: readonly Buffer[], last: boolean): readonly Buffer[] {
    const cipher = createCipheriv(this.#cipher, this.#key, this.#nonce(last));
    const sealed = plaintext.map((part) => cipher.update(part));
    cipher.final();
    return [...sealed, cipher.getAuthTag()];
  }

  /** The next `bytes` of what is held. */
  open(held: Held, bytes: number, last: boolean): readonly Buffer[] {
    if (bytes < TAG) throw new SealBroken('the stream ends within a segment');
    const decipher = createDecipheriv(this.#cipher, this.#key, this.#nonce(last), { authTagLength: TAG });
    const plaintext = held.take(bytes - TAG).map((part) => decipher.update(part));
    decipher.setAuthTag(Buffer.concat(held.take(TAG)));
    try {
      decipher.final();
    } catch {
      throw new SealBroken(last ? 'the last segment is damaged, or the stream was cut' : 'a segment is damaged');
    }
    return plaintext;
  }

  #nonce(last: boolean): Buffer {
    if (this.#number > MOST_SEGMENTS) throw new Error('the stream is longer than 4 PiB');
    const nonce = Buffer.alloc(12);
    nonce.set(this.#prefix);
    nonce.writeUInt32BE(this.#number++, 7);
    nonce[11] = last ? 1 : 0;
    return nonce;
  }
}

/** Bytes that wait, in the chunks that they came in: joining them would cost as much as sealing them does. */
class Held {
  #chunks: Buffer[] = [];
  size = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.size += chunk.length;
  }

  /** @param bytes at most `size` */
  take(bytes: number): readonly Buffer[] {
    const taken: Buffer[] = [];
    let missing = bytes;
    while (missing > 0) {
      const [first = Buffer.alloc(0)] = this.#chunks;
      const part = first.subarray(0, missing);
      taken.push(part);
      missing -= part.length;
      if (part.length === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(part.length);
    }
    this.size -= bytes;
    return taken;
  }
}

function attempt(done: TransformCallback, work: () => void): void {
  try {
    work();
    done();
  } catch (error) {
    done(error as Error);
  }
}

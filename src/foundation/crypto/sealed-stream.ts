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
  const cut = new Cutter(segmentBytes - header.length - TAG, segmentBytes - TAG);
  return new Transform({
    ...buffers(segmentBytes),
    construct(done) {
      this.push(header);
      done();
    },
    transform(chunk: Buffer, _encoding, done) {
      attempt(done, () => cut.add(chunk, (piece) => this.push(segments.seal(piece, false))));
    },
    flush(done) {
      attempt(done, () => this.push(segments.seal(cut.rest(), true)));
    },
  });
}

/**
 * The way back. Each segment is passed on when it was authenticated; that the stream was whole is known only at its
 * end, so whoever reads must hold what came before as provisional until then. Fails with SealBroken.
 */
export function openStream(key: Uint8Array, associatedData: Uint8Array, parameters = AES256_GCM_HKDF_1MB): Transform {
  let head: Buffer | undefined = Buffer.alloc(0);
  let segments: Segments | undefined;
  const length = headerBytes(parameters);
  const cut = new Cutter(parameters.segmentBytes - length, parameters.segmentBytes);
  return new Transform({
    ...buffers(parameters.segmentBytes),
    transform(chunk: Buffer, _encoding, done) {
      attempt(done, () => {
        let body = chunk;
        if (head) {
          head = Buffer.concat([head, chunk]);
          if (head.length < length) return;
          if (head[0] !== length) throw new SealBroken('no sealed stream');
          const salt = head.subarray(1, length - PREFIX);
          const own = streamKey(key, salt, associatedData, parameters);
          segments = new Segments(own, head.subarray(length - PREFIX, length));
          body = head.subarray(length);
          head = undefined;
        }
        cut.add(body, (piece) => this.push(segments?.open(piece, false)));
      });
    },
    flush(done) {
      attempt(done, () => {
        if (!segments) throw new SealBroken('the stream ends within its header');
        this.push(segments.open(cut.rest(), true));
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

  seal(plaintext: Buffer, last: boolean): Buffer {
    const cipher = createCipheriv(this.#cipher, this.#key, this.#nonce(last));
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  open(sealed: Buffer, last: boolean): Buffer {
    if (sealed.length < TAG) throw new SealBroken('the stream ends within a segment');
    const decipher = createDecipheriv(this.#cipher, this.#key, this.#nonce(last), { authTagLength: TAG });
    decipher.setAuthTag(sealed.subarray(-TAG));
    const plaintext = decipher.update(sealed.subarray(0, -TAG));
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

/** Cuts what comes into pieces of one length; the first is shorter. The last one is known only when no more comes. */
class Cutter {
  #held: Buffer[] = [];
  #size = 0;
  #wanted: number;
  readonly #next: number;

  constructor(first: number, next: number) {
    this.#wanted = first;
    this.#next = next;
  }

  add(chunk: Buffer, take: (piece: Buffer) => void): void {
    this.#held.push(chunk);
    this.#size += chunk.length;
    while (this.#size > this.#wanted) {
      const all = this.rest();
      take(all.subarray(0, this.#wanted));
      this.#held = [all.subarray(this.#wanted)];
      this.#size = all.length - this.#wanted;
      this.#wanted = this.#next;
    }
  }

  rest(): Buffer {
    return this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held);
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

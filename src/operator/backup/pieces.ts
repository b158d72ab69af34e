import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { inOrder } from '../../foundation/core/in-order.ts';

/**
 * Compressed content: pieces of one megabyte, the last one shorter, each a brotli stream of its own with its length
 * (4 bytes, big-endian) before it. So several threads work on one file, in one call for each piece, where one stream
 * never uses more than a core.
 */

const PIECE = 1024 * 1024;
const LENGTH = 4;
/** Brotli adds some bytes to what it cannot compress. */
const MOST_PACKED = PIECE + 1024;
/** As many as libuv has threads. Memory holds about twice as many megabytes, whatever the content. */
const AT_ONCE = 4;

/** Bytes that are no pieces, or hold more than a piece may. */
export class PiecesBroken extends Error {}

/**
 * Quality 1 with a window of 256 kB. Measured against gzip -1: twice as fast at the same ratio, and 16 MB of
 * zeros, which an idle database archives each minute, are 3 kB instead of 73.
 */
const QUALITY = {
  chunkSize: PIECE / 2,
  params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 18 },
};
/** One byte of room more, so that a whole piece comes out in one go. */
const WHOLE = { chunkSize: PIECE + 1, maxOutputLength: PIECE };

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);

/** @param saw hears each piece before it is compressed */
export function pack(saw: (piece: Buffer) => void) {
  return async function* packed(plain: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const compressed = inOrder(cut(plain), AT_ONCE, async (piece) => {
      saw(piece);
      return compress(piece, QUALITY);
    });
    for await (const piece of compressed) {
      const length = Buffer.alloc(LENGTH);
      length.writeUInt32BE(piece.length);
      yield length;
      yield piece;
    }
  };
}

/** The way back. Fails with PiecesBroken. */
export async function* unpack(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* inOrder(pieces(packed), AT_ONCE, async (piece) =>
    decompress(piece, WHOLE).catch((error: unknown) => {
      throw new PiecesBroken('a piece of it is not compressed as it should be', { cause: error });
    }),
  );
}

/**
 * Pieces of one length, and what is left. Each is good until `AT_ONCE` more were taken, as its memory is used again: V8
 * counts what lies outside of its heap, and collects all of a small one after each 15 MB of it.
 */
async function* cut(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const memory: Buffer[] = [];
  let piece: Buffer = Buffer.allocUnsafe(PIECE);
  let size = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(piece, size, at);
      at += copied;
      size += copied;
      if (size < PIECE) continue;
      memory.push(piece);
      yield piece;
      piece = (memory.length < AT_ONCE ? undefined : memory.shift()) ?? Buffer.allocUnsafe(PIECE);
      size = 0;
    }
  }
  if (size > 0) yield piece.subarray(0, size);
}

async function* pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= LENGTH) {
      const end = LENGTH + held.readUInt32BE();
      if (end > LENGTH + MOST_PACKED) throw new PiecesBroken('a piece of it is longer than one can be');
      if (held.length < end) break;
      yield held.subarray(LENGTH, end);
      held = held.subarray(end);
    }
  }
  if (held.length > 0) throw new PiecesBroken('it ends within a piece');
}

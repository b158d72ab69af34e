import { randomBytes } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pack, PiecesBroken, unpack } from '../../../src/operator/backup/pieces.ts';

const MEGABYTE = 1024 * 1024;

describe('compressed pieces', () => {
  test('give back what went in, however it is cut on both ways', async () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 1.5 * MEGABYTE }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 1000, max: 2 * MEGABYTE }), async (chunks, size) => {
        const plain = chunks.map((length) => mixed(length));
        let seen = 0;
        const packed = await all(pack((piece) => (seen += piece.length))(from(plain)));
        expect(seen).toBe(Buffer.concat(plain).length);
        expect((await all(unpack(from(cutInto(packed, size))))).equals(Buffer.concat(plain))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test('of many megabytes stay in their order', async () => {
    const plain = Array.from({ length: 30 }, (_, at) => Buffer.alloc(MEGABYTE / 2 + at * 1000, String(at)));
    const packed = await all(pack(() => undefined)(from(plain)));
    expect((await all(unpack(from([packed])))).equals(Buffer.concat(plain))).toBe(true);
  });

  test('of 16 MB of zeros are some kilobytes', async () => {
    expect((await all(pack(() => undefined)(from([Buffer.alloc(16 * MEGABYTE)])))).length).toBeLessThan(4000);
  });

  test('that are none are refused', async () => {
    const one = await all(pack(() => undefined)(from([mixed(5000)])));
    const bomb = brotliCompressSync(Buffer.alloc(MEGABYTE + 1));
    const odd = [
      one.subarray(0, -1),
      one.subarray(0, 3),
      Buffer.concat([one, Buffer.of(0)]),
      framed(Buffer.alloc(0)),
      framed(randomBytes(500)),
      framed(one.subarray(4, -3)),
      framed(bomb),
      Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 0xff), one]),
    ];
    for (const bytes of odd) await expect(all(unpack(from([bytes])))).rejects.toBeInstanceOf(PiecesBroken);
  });

  test('end with what their source fails with, and leave nothing behind', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield mixed(5 * MEGABYTE);
      throw new Error('gone');
    }
    await expect(all(pack(() => undefined)(failing()))).rejects.toThrow('gone');
  });
});

/** Half of it compresses. */
function mixed(length: number): Buffer {
  return Buffer.concat([randomBytes(Math.ceil(length / 2)), Buffer.alloc(Math.floor(length / 2), 7)]);
}

function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function cutInto(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

async function* from(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

/** Copied as it comes, as memory may be used again. */
async function all(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const held: Buffer[] = [];
  for await (const chunk of chunks) held.push(Buffer.from(chunk));
  return Buffer.concat(held);
}

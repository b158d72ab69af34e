import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  openStream,
  SealBroken,
  sealStream,
  type StreamParameters,
} from '../../../src/foundation/crypto/sealed-stream.ts';

/** As large ones, with segments that a test can count. */
const SMALL: StreamParameters = { keyBytes: 32, hash: 'sha256', segmentBytes: 64 };
const KEY = randomBytes(32);
const NAME = Buffer.from('wal/000000010000000000000001');

async function through(transform: ReturnType<typeof sealStream>, chunks: readonly Uint8Array[]): Promise<Buffer> {
  const [out] = await Promise.all([
    buffer(transform),
    pipeline(Readable.from(chunks, { objectMode: false }), transform),
  ]);
  return out;
}

async function seal(plain: Uint8Array, parameters = SMALL): Promise<Buffer> {
  return through(sealStream(KEY, NAME, parameters), [plain]);
}

async function refused(sealed: Uint8Array, key = KEY, name = NAME): Promise<boolean> {
  const opened = await through(openStream(key, name, SMALL), [sealed]).catch((error: unknown) => error);
  return opened instanceof SealBroken;
}

/** Plaintext around the places where a segment ends. */
const LENGTHS = [0, 1, 7, 8, 9, 55, 56, 57, 103, 104, 105, 500];

describe('sealed streams', () => {
  test("open Tink's published vector", async () => {
    // tink-java, AesGcmHkdfStreamingTestUtil: the cross language vector
    const sealed = Buffer.from(
      [
        '1893b3af5e14ab378d065addfc8484da642c0862877baea8',
        'db92d9c77406a406168478821c4298eab3e6d531277f4c1a051714faebcaefcbca7b7be05e9445ea',
        'a0bb2904153398a25084dd80ae0edcd1c3079fcea2cd3770630ee36f7539207b8ec9d754956d486b71cdf989f0ed6fba6779b63558be0a66e668df14e1603cd2',
        'af8944844078345286d0b292e772e7190775c51a0f83e40c0b75821027e7e538e111',
      ].join(''),
      'hex',
    );
    const key = Buffer.from('6eb56cdc726dfbe5d57f2fcdc6e9345b', 'hex');
    const open = openStream(key, Buffer.from('aad'), { keyBytes: 16, hash: 'sha1', segmentBytes: 64 });
    expect((await through(open, [sealed])).toString()).toBe(
      'This is a fairly long plaintext. It is of the exact length to create three output blocks. ',
    );
  });

  test('give back what went in, however it is cut on both ways', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), async (plain, cuts) => {
        const sealed = await through(sealStream(KEY, NAME, SMALL), plain);
        const opened = await through(openStream(KEY, NAME, SMALL), cut(sealed, cuts));
        expect(opened).toEqual(Buffer.concat(plain));
      }),
      { numRuns: 200 },
    );
  });

  test('hold megabytes in segments of one megabyte', async () => {
    const plain = randomBytes(3 * 1024 * 1024);
    const sealed = await through(sealStream(KEY, NAME), cut(plain, [65_536]));
    expect(sealed.length).toBe(40 + plain.length + 4 * 16);
    expect((await through(openStream(KEY, NAME), cut(sealed, [65_537]))).equals(plain)).toBe(true);
  });

  test.each(LENGTHS)('of %i bytes are refused with any byte changed', async (length) => {
    const sealed = await seal(randomBytes(length));
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(await refused(changed)).toBe(true);
    }
  });

  test.each(LENGTHS)('of %i bytes are refused when they are cut anywhere, or go on', async (length) => {
    const sealed = await seal(randomBytes(length));
    for (let end = 0; end < sealed.length; end++) expect(await refused(sealed.subarray(0, end))).toBe(true);
    expect(await refused(Buffer.concat([sealed, Buffer.of(0)]))).toBe(true);
    expect(await refused(Buffer.concat([sealed, sealed.subarray(-64)]))).toBe(true);
  });

  test('are refused with segments swapped, dropped, doubled, or of another stream under the same key', async () => {
    const plain = randomBytes(8 + 48 * 3 + 20);
    const parts = segments(await seal(plain));
    const [head, first, second, third, last] = parts;
    if (!head || !first || !second || !third || !last) throw new Error('five parts expected');
    const other = segments(await seal(plain));
    expect(await refused(Buffer.concat([head, first, third, second, last]))).toBe(true);
    expect(await refused(Buffer.concat([head, first, third, last]))).toBe(true);
    expect(await refused(Buffer.concat([head, first, second, second, third, last]))).toBe(true);
    expect(await refused(Buffer.concat([head, first, second, third]))).toBe(true);
    expect(await refused(Buffer.concat([head, first, other[2] ?? Buffer.alloc(0), third, last]))).toBe(true);
  });

  test('are refused under another key or another name', async () => {
    const sealed = await seal(randomBytes(100));
    expect(await refused(sealed, randomBytes(32))).toBe(true);
    expect(await refused(sealed, KEY, Buffer.from('wal/000000010000000000000002'))).toBe(true);
  });
});

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Header, then the segments. */
function segments(sealed: Buffer): Buffer[] {
  const pieces = [sealed.subarray(0, 40), sealed.subarray(40, 64)];
  for (let at = 64; at < sealed.length; at += 64) pieces.push(sealed.subarray(at, at + 64));
  return pieces;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { BLOCK, patchedName, patchFile } from '../../../src/operator/backup/incremental-file.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'vt-patch-'));
const file = path.join(directory, '16384');
afterAll(() => rmSync(directory, { recursive: true }));

/** A file by its blocks, each of one byte over and over; 0 is a block of zeros. */
type Blocks = readonly number[];

interface Change {
  /** Blocks below this that are not in `blocks` stay. */
  readonly keep: number;
  readonly blocks: ReadonlyMap<number, number>;
}

test('any chain of changes leads to what the cluster had at its end', async () => {
  const change = fc.record({
    keep: fc.nat(12),
    blocks: fc
      .dictionary(fc.nat(15).map(String), fc.integer({ min: 1, max: 255 }), { noNullPrototype: true, maxKeys: 16 })
      .map((found) => new Map(Object.entries(found).map(([at, value]) => [Number(at), value] as const))),
  });
  const chunks = fc.integer({ min: 1, max: 3 * BLOCK });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(255), { maxLength: 12 }),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      chunks,
      async (full, changes, size) => {
        await writeFile(file, bytesOf(full));
        let wanted: Blocks = full;
        for (const each of changes) {
          wanted = applied(wanted, each);
          expect(await patch(encode(each), size)).toBe(wanted.length * BLOCK);
        }
        expect((await readFile(file)).equals(bytesOf(wanted))).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

describe('is refused when it is', () => {
  const sound = encode({
    keep: 3,
    blocks: new Map([
      [1, 7],
      [2, 8],
      [9, 9],
    ]),
  });
  const cases: ReadonlyArray<readonly [string, Buffer]> = [
    ['empty', Buffer.alloc(0)],
    ['cut within its header', sound.subarray(0, 20)],
    ['cut within a block', sound.subarray(0, sound.length - 1)],
    ['longer than it says', Buffer.concat([sound, Buffer.from('x')])],
    ['of another form', Buffer.concat([Buffer.from('0000'), sound.subarray(4)])],
    [
      'out of order',
      encode({
        keep: 3,
        blocks: new Map([
          [2, 7],
          [1, 8],
        ]),
      }),
    ],
    ['beyond what a file holds', encode({ keep: 3, blocks: new Map([[131_072, 7]]) })],
  ];
  test.each(cases)('%s', async (_name, bytes) => {
    await writeFile(file, bytesOf([1, 2, 3]));
    await expect(patch(bytes)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  });

  test('for a file that is not there', async () => {
    const nowhere = path.join(directory, 'none');
    await expect(patchFile(nowhere, chunked(sound, 999))).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
  });
});

test('only files of tables hold changes', () => {
  expect(patchedName('base/5/INCREMENTAL.16384.1')).toBe('base/5/16384.1');
  expect(patchedName('global/INCREMENTAL.1262')).toBe('global/1262');
  for (const other of [
    'INCREMENTAL.txt',
    'base/5/16384',
    'pg_wal/INCREMENTAL.1',
    'base/INCREMENTAL.1',
    'base/5/INCREMENTAL.',
  ])
    expect(patchedName(other)).toBeUndefined();
});

/** What Postgres' own documentation of the form says. */
function applied(before: Blocks, { keep, blocks }: Change): Blocks {
  const length = Math.max(keep, ...[...blocks.keys()].map((at) => at + 1));
  return Array.from({ length }, (_, at) => blocks.get(at) ?? (at < keep ? (before[at] ?? 0) : 0));
}

function encode({ keep, blocks }: Change): Buffer {
  const numbers = [...blocks.keys()];
  const header = Buffer.alloc(12 + 4 * numbers.length);
  header.writeUInt32LE(0xd3ae1f0d, 0);
  header.writeUInt32LE(numbers.length, 4);
  header.writeUInt32LE(keep, 8);
  for (const [at, number] of numbers.entries()) header.writeUInt32LE(number, 12 + 4 * at);
  const gap = numbers.length === 0 ? 0 : (BLOCK - (header.length % BLOCK)) % BLOCK;
  return Buffer.concat([header, Buffer.alloc(gap), bytesOf([...blocks.values()])]);
}

function bytesOf(blocks: Blocks): Buffer {
  return Buffer.concat(blocks.map((value) => Buffer.alloc(BLOCK, value)));
}

async function patch(bytes: Buffer, size = 1000): Promise<number> {
  return patchFile(file, chunked(bytes, size));
}

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

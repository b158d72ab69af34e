import { constants, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../foundation/core/errors.ts';

/**
 * Files of an incremental backup: the blocks of a table or index that changed since the backup before. Little-endian
 * numbers of 32 bits, as the servers write them that we run on: magic, how many blocks, the length below which blocks
 * that are not in it stay what they were, the blocks' numbers in rising order; then, from a multiple of the block's size
 * on, the blocks. https://www.postgresql.org/docs/17/app-pgcombinebackup.html tells what they are for; their form is in
 * src/include/backup/basebackup_incremental.h.
 */
const MAGIC = 0xd3ae_1f0d;
const HEADER = 12;
export const BLOCK = 8192;
/** Blocks of a file: Postgres begins another one after a gigabyte. */
const MOST_BLOCKS = 131_072;
/** Blocks that are written at once. */
const AT_ONCE = 64;

/**
 * The plain name of a file that holds changes; undefined for any other. Only tables have such files: whatever an owner
 * called `INCREMENTAL.txt` somewhere else is his.
 */
export function patchedName(name: string): string | undefined {
  const [, directory, plain] = /^(base\/\d+|global)\/INCREMENTAL\.(.+)$/.exec(name) ?? [];
  return directory === undefined || plain === undefined ? undefined : `${directory}/${plain}`;
}

/**
 * Brings a file up to where the cluster was when the changes were copied: what the backup before had of it, cut or
 * lengthened with zeros, the changed blocks written over it.
 *
 * @returns its length in bytes
 * @throws VectabaseError BACKUP_DAMAGED for no file of changes, or none that fits to what is there
 */
export async function patchFile(file: string, content: AsyncIterable<Buffer>): Promise<number> {
  const handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? damagedPatch(file, 'the backup before does not have that file') : error;
  });
  const source = new Source(content, file);
  try {
    const { keep, numbers } = await readHeader(source, file);
    await handle.truncate(keep * BLOCK);
    await writeBlocks(handle, source, numbers);
    await source.assertEnd();
    return (await handle.stat()).size;
  } finally {
    await source.close();
    await handle.close();
  }
}

async function readHeader(source: Source, file: string): Promise<{ keep: number; numbers: readonly number[] }> {
  const head = await source.take(HEADER);
  const [magic, count, keep] = [head.readUInt32LE(0), head.readUInt32LE(4), head.readUInt32LE(8)];
  if (magic !== MAGIC || count > MOST_BLOCKS) throw damagedPatch(file, 'it is no file of changes');
  const list = await source.take(4 * count);
  const numbers = Array.from({ length: count }, (_, at) => list.readUInt32LE(4 * at));
  if (numbers.some((number, at) => number >= MOST_BLOCKS || number <= (numbers[at - 1] ?? -1)))
    throw damagedPatch(file, 'its blocks are out of order');
  const rest = (HEADER + 4 * count) % BLOCK;
  if (count > 0 && rest > 0) await source.take(BLOCK - rest);
  // Servers up to 17.7 told a length beyond the file's end where a larger table had been cut.
  return { keep: Math.min(keep, MOST_BLOCKS), numbers };
}

async function writeBlocks(handle: FileHandle, source: Source, numbers: readonly number[]): Promise<void> {
  for (let at = 0; at < numbers.length;) {
    const first = numbers[at] ?? 0;
    let count = 1;
    while (count < AT_ONCE && numbers[at + count] === first + count) count++;
    const blocks = await source.take(count * BLOCK);
    await handle.write(blocks, 0, blocks.length, first * BLOCK);
    at += count;
  }
}

/** A stream, read in pieces of the length that is asked for. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #file: string;
  #left: Buffer = Buffer.alloc(0);

  constructor(content: AsyncIterable<Buffer>, file: string) {
    this.#chunks = content[Symbol.asyncIterator]();
    this.#file = file;
  }

  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#left.length === 0) this.#left = await this.#next();
      const part = this.#left.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      this.#left = this.#left.subarray(part.length);
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  async assertEnd(): Promise<void> {
    const { done = false } = await this.#chunks.next();
    if (!done || this.#left.length > 0) throw damagedPatch(this.#file, 'it goes on behind its last block');
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<Buffer> {
    const { done = false, value } = await this.#chunks.next();
    if (done) throw damagedPatch(this.#file, 'it ends too early');
    return value as Buffer;
  }
}

export function damagedPatch(file: string, what: string): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `an incremental backup cannot be put together, ${path.basename(file)}: ${what}`,
    hint: 'Use another copy of it, or an earlier backup: vectabase backup list.',
    details: { file },
  });
}

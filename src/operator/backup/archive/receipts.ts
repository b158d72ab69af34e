import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { makeDirectory, syncDirectory } from '../../../foundation/core/durable-file.ts';
import { parseWalFile, walObject } from '../names.ts';

const RECEIPT = z.strictObject({
  /** As Postgres names it. */
  file: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  sealedBytes: z.int(),
  sealedSha256: z.string(),
  /** Id and fingerprint of its epoch. */
  epoch: z.string(),
  fingerprint: z.string(),
  /** How its key is sealed: with the first file of an epoch, for the catalogue. */
  sealed: z.strictObject({ recipients: z.array(z.string()), wrapped: z.string() }).optional(),
  /** Milliseconds since the epoch, by our clock. */
  at: z.number(),
  /** What a history file says; its key is gone when the catalogue hears of it. */
  parents: z.array(z.strictObject({ timeline: z.int(), end: z.string() })).optional(),
});

/** One file that Postgres was told is safe. It stays when the file is uploaded and gone from the spool. */
export type Receipt = z.output<typeof RECEIPT>;

/**
 * What was acknowledged, in files of one line each: `receipts/wal/00000001/0000000A.ndjson`, at most 4 GB of WAL a
 * file. Postgres sends a file again when it was killed before it noted our answer, and must then be told ok; with
 * another content it must not.
 */
export class Receipts {
  readonly #directory: string;
  /** Those of the newest files. Postgres asks for old ones only after a crash. */
  readonly #known = new Map<string, Map<string, Receipt>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async find(file: string): Promise<Receipt | undefined> {
    return (await this.#load(this.#bookOf(file))).get(file);
  }

  /** Returns when it is on disk. One at a time for a file; others may run beside it. */
  async add(receipt: Receipt): Promise<void> {
    const book = this.#bookOf(receipt.file);
    const known = await this.#load(book);
    await makeDirectory(path.dirname(book));
    const handle = await open(book, 'a', 0o600);
    try {
      const { size } = await handle.stat();
      // A line before it that was cut by a kill is no receipt, and must not swallow this one.
      await handle.appendFile(`${size === 0 ? '' : '\n'}${JSON.stringify(receipt)}`);
      await handle.datasync();
      if (size === 0) await syncDirectory(path.dirname(book));
    } finally {
      await handle.close();
    }
    known.set(receipt.file, receipt);
  }

  async #load(book: string): Promise<Map<string, Receipt>> {
    const known = this.#known.get(book);
    if (known) return known;
    const text = await readFile(book, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const read = new Map(text.split('\n').flatMap((line) => parseReceipt(line).map((each) => [each.file, each])));
    // Whoever came first while we read: both would diverge.
    const held = this.#known.get(book) ?? read;
    this.#known.set(book, held);
    for (const old of this.#known.keys()) if (this.#known.size > MOST_BOOKS) this.#known.delete(old);
    return held;
  }

  #bookOf(file: string): string {
    const parsed = parseWalFile(file);
    if (!parsed) throw new Error(`no WAL file: ${file}`);
    const object = walObject(parsed);
    return path.join(
      this.#directory,
      `${parsed.kind === 'history' ? 'wal/history' : path.posix.dirname(object)}.ndjson`,
    );
  }
}

/** Some hundred kilobytes. */
const MOST_BOOKS = 4;

function parseReceipt(line: string): [Receipt] | [] {
  try {
    const { data } = RECEIPT.safeParse(JSON.parse(line));
    return data ? [data] : [];
  } catch {
    return [];
  }
}

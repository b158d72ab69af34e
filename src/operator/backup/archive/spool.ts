import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { makeDirectory } from '../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Clock } from '../../../foundation/core/observe.ts';
import { sealFile } from '../container.ts';
import { epochEntry, type Epochs } from '../epochs.ts';
import { parseHistory } from '../restore/timelines.ts';
import { formatLsn, formatWalFile, parseWalFile, storeKey, walFileOf, walObject, type WalFile } from '../names.ts';
import { Gaps } from './gaps.ts';
import { Receipts, type Receipt } from './receipts.ts';
import { FIRST_PAGE_BYTES, foreignSegment, readFirstPage } from './wal-page.ts';

/** The cluster whose WAL is kept. */
export interface Cluster {
  readonly systemId: string;
  /** `17.10` */
  readonly postgres: string;
  readonly segmentBytes: number;
}

/** A sealed file that waits for its way off this machine. */
export interface Waiting {
  readonly receipt: Receipt;
  /** Where the sealed file is, and under which key a store keeps it. */
  readonly path: string;
  readonly key: string;
}

export interface SpoolInput {
  readonly directory: string;
  readonly cluster: Cluster;
  readonly epochs: Epochs;
  readonly clock: Clock;
}

/**
 * WAL that Postgres was told is safe, sealed, until it is off this machine: `<system id>/wal/…/NAME.vbk` as in a store,
 * beside the receipts. A file without a receipt was never acknowledged, and is replaced when it comes again.
 */
export class Spool {
  readonly cluster: Cluster;
  readonly directory: string;
  readonly #epochs: Epochs;
  readonly #clock: Clock;
  readonly #receipts: Receipts;
  readonly #waiting = new Map<string, Waiting>();
  /** Names that are worked on: two clients with one name come one after the other. */
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #onKept: Array<(what: 'kept' | 'dropped') => void> = [];
  readonly gaps: Gaps;
  /** The last epoch of which a receipt tells how its key is sealed. */
  #told: string | undefined;
  /** Whether segments are told to be kept and are not: the owner's choice for a full disk. Each is a gap on record. */
  dropping = false;

  private constructor({ directory, cluster, epochs, clock }: SpoolInput) {
    this.directory = directory;
    this.cluster = cluster;
    this.#epochs = epochs;
    this.#clock = clock;
    this.gaps = new Gaps(path.join(directory, `gaps-${cluster.systemId}.ndjson`));
    this.#receipts = new Receipts(path.join(directory, 'receipts', cluster.systemId));
  }

  /** Finds what waits, and takes away what a kill left half-written. */
  static async open(input: SpoolInput): Promise<Spool> {
    const spool = new Spool(input);
    const root = path.join(input.directory, input.cluster.systemId);
    await spool.gaps.load();
    await makeDirectory(root);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (!entry.isFile()) continue;
      if (entry.name.includes('.vbk.new-')) await rm(file, { force: true });
      const object = path.relative(root, file).replace(/\.vbk$/, '');
      const wal = walFileOf(object);
      const receipt = wal && (await spool.#receipts.find(formatWalFile(wal)));
      if (receipt) spool.#waiting.set(receipt.file, spool.#at(receipt, object));
    }
    return spool;
  }

  /** Oldest name first; history files, without which no other timeline is found, before all. */
  get waiting(): Waiting[] {
    const rank = ({ receipt }: Waiting): string => `${receipt.file.endsWith('.history') ? 0 : 1}${receipt.file}`;
    return [...this.#waiting.values()].toSorted((one, two) => (rank(one) < rank(two) ? -1 : 1));
  }

  /** Called after each file that was kept, or dropped. */
  onKept(listener: (what: 'kept' | 'dropped') => void): void {
    this.#onKept.push(listener);
  }

  /**
   * Keeps a file: sealed, on disk, read back and authenticated. The same file again is `same`. `dropped` is a lie that the
   * owner chose, and stands on record.
   *
   * @throws VectabaseError BACKUP_WAL_DIFFERS for another content under a name that was kept, BACKUP_WAL_REFUSED for
   *   what is no WAL of this cluster
   */
  async keep(name: string, body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<'ok' | 'same' | 'dropped'> {
    const file = parseWalFile(name);
    if (!file) throw refused(name, 'no name of a WAL file');
    const before = this.#busy.get(name);
    const work = (async () => {
      await before?.catch(() => undefined);
      const receipt = await this.#receipts.find(name);
      if (receipt) return compare(receipt, body);
      if (this.dropping && file.kind === 'segment') {
        for await (const _ of body);
        await this.gaps.add(name);
        for (const listener of this.#onKept) listener('dropped');
        return 'dropped' as const;
      }
      await this.#seal(file, body, signal);
      return 'ok' as const;
    })();
    this.#busy.set(name, work);
    try {
      return await work;
    } finally {
      if (this.#busy.get(name) === work) this.#busy.delete(name);
    }
  }

  /** It is safe elsewhere. */
  async release({ receipt, path: file }: Waiting): Promise<void> {
    await rm(file, { force: true });
    this.#waiting.delete(receipt.file);
  }

  async #seal(file: WalFile, body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    const { systemId, postgres } = this.cluster;
    const object = walObject(file);
    const target = path.join(this.directory, storeKey(systemId, object));
    await makeDirectory(path.dirname(target));
    const epoch = await this.#epochs.current();
    const now = this.#clock.now();
    const createdAt = new Date(now).toISOString();
    const facts = { kind: 'wal', object, systemId, postgres, timeline: file.timeline, createdAt } as const;
    const text: Buffer[] = [];
    const pieces = checked(file, body, this.cluster);
    const source = Readable.from(file.kind === 'history' ? kept(pieces, text) : pieces, { objectMode: false });
    const sealed = await sealFile(target, source, { facts, epoch }, { signal, readBack: true });
    const receipt: Receipt = {
      file: formatWalFile(file),
      bytes: sealed.plainBytes,
      sha256: sealed.plainSha256,
      sealedBytes: sealed.sealedBytes,
      sealedSha256: sealed.sealedSha256,
      epoch: epoch.id,
      fingerprint: epoch.fingerprint,
      at: now,
      ...(this.#told === epoch.id ? {} : { sealed: epochEntry(epoch).sealed }),
      ...(file.kind === 'history' ? { parents: parentsOf(file.timeline, Buffer.concat(text).toString()) } : {}),
    };
    await this.#receipts.add(receipt);
    this.#told = epoch.id;
    this.#waiting.set(receipt.file, this.#at(receipt, object));
    for (const listener of this.#onKept) listener('kept');
  }

  #at(receipt: Receipt, object: string): Waiting {
    const key = storeKey(this.cluster.systemId, object);
    return { receipt, key, path: path.join(this.directory, key) };
  }
}

/** History files hold a line for each timeline, `.backup` files some lines. */
const MOST_TEXT = 1024 * 1024;

/** Passes a file on, and fails before its end when it is not what its name says. */
async function* checked(file: WalFile, body: AsyncIterable<Buffer>, cluster: Cluster): AsyncGenerator<Buffer> {
  const segment = file.kind === 'segment' || file.kind === 'partial';
  let bytes = 0;
  for await (const piece of body) {
    if (bytes === 0 && segment) {
      const page = piece.length < FIRST_PAGE_BYTES ? undefined : readFirstPage(piece);
      const why = foreignSegment(file, page, cluster);
      if (why !== undefined) throw refused(formatWalFile(file), why);
    }
    bytes += piece.length;
    if (!segment && bytes > MOST_TEXT) throw refused(formatWalFile(file), 'it is too long for what it is');
    yield piece;
  }
  if (segment && bytes !== cluster.segmentBytes) throw refused(formatWalFile(file), `it has ${bytes} bytes`);
  if (bytes === 0) throw refused(formatWalFile(file), 'it is empty');
}

async function* kept(pieces: AsyncIterable<Buffer>, text: Buffer[]): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    text.push(piece);
    yield piece;
  }
}

function parentsOf(timeline: number, text: string): Receipt['parents'] {
  return parseHistory(timeline, text)?.map((each) => ({ timeline: each.timeline, end: formatLsn(each.end) }));
}

async function compare(receipt: Receipt, body: AsyncIterable<Buffer>): Promise<'same'> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    hash.update(piece);
  }
  if (bytes === receipt.bytes && hash.digest('hex') === receipt.sha256) return 'same';
  throw new VectabaseError('BACKUP_WAL_DIFFERS', {
    message: `${receipt.file} was archived before with another content`,
    hint: [
      'Two servers archive to one place, or this one was set back to an older state without a restore.',
      'Find out which is right before anything else; then run vectabase backup create for a new beginning.',
    ].join('\n'),
    details: { file: receipt.file, archivedAt: new Date(receipt.at).toISOString() },
  });
}

function refused(name: string, why: string): VectabaseError {
  return new VectabaseError('BACKUP_WAL_REFUSED', {
    message: `${name} is not kept: ${why}`,
    hint: 'Let archive_command hand over the files of this cluster alone: vectabase backup status.',
    details: { file: name },
  });
}

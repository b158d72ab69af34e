import type { EntryOf } from '../catalog/entries.ts';
import { formatLsn, parseWalFile, walObject, WalSegments, type Lsn } from '../names.ts';
import type { Gaps } from './gaps.ts';
import type { Receipt } from './receipts.ts';

/** What archiving tells the signed catalogue. */
export type WalEntry =
  | EntryOf<'epoch'>
  | {
      readonly kind: 'wal';
      readonly timeline: number;
      /** Positions as Postgres writes them: `0/3000000`. `end` is the first byte behind the last segment. */
      readonly start: string;
      readonly end: string;
      /** ISO 8601; null where none is known. */
      readonly lastCommitAt: string | null;
      readonly files: Array<{ readonly name: string; readonly sealedBytes: number; readonly sealedSha256: string }>;
      /** Whose keys sealed them. */
      readonly epochs: string[];
    }
  | EntryOf<'gap'>
  | EntryOf<'timeline'>;

export interface CatalogueAppender {
  append(entry: WalEntry): Promise<unknown>;
}

/** There was a commit, not earlier than `time` (milliseconds since the epoch), before `lsn`. */
export interface Mark {
  readonly timeline: number;
  readonly lsn: Lsn;
  readonly time: number;
}

/** Marks of an hour that nothing was uploaded in. */
const MOST_MARKS = 120;

/** Writes into the catalogue which WAL arrived, as ranges without a hole. */
export class WalLog {
  readonly #catalogue: CatalogueAppender;
  readonly #segments: WalSegments;
  #epoch: string | undefined;
  /** The last one that was told with how it is sealed. */
  #sealed: string | undefined;
  #marks: Mark[] = [];

  constructor(catalogue: CatalogueAppender, segmentBytes: number) {
    this.#catalogue = catalogue;
    this.#segments = new WalSegments(segmentBytes);
  }

  mark(mark: Mark): void {
    this.#marks = [...this.#marks, mark].slice(-MOST_MARKS);
  }

  /** Before the first file of it. After a restart it is told again, which a reader bears. */
  async epoch({ epoch, fingerprint, sealed }: Receipt): Promise<void> {
    if (this.#epoch === epoch && (!sealed || this.#sealed === epoch)) return;
    await this.#catalogue.append({ kind: 'epoch', id: epoch, keySha256: fingerprint, ...(sealed ? { sealed } : {}) });
    this.#epoch = epoch;
    if (sealed) this.#sealed = epoch;
  }

  /** WAL that will never be there. */
  async gaps(gaps: Gaps): Promise<void> {
    for (const name of gaps.names) {
      const file = parseWalFile(name);
      if (file?.kind === 'segment') {
        const start = this.#segments.start(file.number);
        const end = start + BigInt(this.#segments.segmentBytes);
        const range = { timeline: file.timeline, start: formatLsn(start), end: formatLsn(end) };
        await this.#catalogue.append({ kind: 'gap', ...range, reason: 'dropped' });
      }
      await gaps.remove(name);
    }
  }

  /** Timelines first, then ranges on them. Labels of backups and partial segments serve no restore and are not told. */
  async arrived(receipts: readonly Receipt[]): Promise<void> {
    for (const entry of receipts.flatMap(timelineOf)) await this.#catalogue.append(entry);
    for (const run of this.#runs(receipts)) await this.#catalogue.append(this.#entry(run));
  }

  #runs(receipts: readonly Receipt[]): Segment[][] {
    const segments = receipts
      .flatMap((receipt): Segment[] => {
        const file = parseWalFile(receipt.file);
        if (file?.kind !== 'segment') return [];
        return [{ receipt, timeline: file.timeline, start: this.#segments.start(file.number) }];
      })
      .toSorted((one, two) => (one.receipt.file < two.receipt.file ? -1 : 1));
    const runs: Segment[][] = [];
    for (const segment of segments) {
      const run = runs.at(-1);
      const last = run?.at(-1);
      if (run && last?.timeline === segment.timeline && this.#end(last) === segment.start) run.push(segment);
      else runs.push([segment]);
    }
    return runs;
  }

  #entry(run: readonly Segment[]): WalEntry {
    const [first, last] = [run[0], run.at(-1)];
    if (!first || !last) throw new Error('a range of no segments');
    const { timeline, start } = first;
    const end = this.#end(last);
    const within = this.#marks.filter((mark) => mark.timeline === timeline && mark.lsn <= end);
    const commit = within.length === 0 ? undefined : Math.max(...within.map(({ time }) => time));
    return {
      kind: 'wal',
      timeline,
      start: formatLsn(start),
      end: formatLsn(end),
      lastCommitAt: commit === undefined ? null : new Date(commit).toISOString(),
      files: run.map(({ receipt }) => ({
        name: receipt.file,
        sealedBytes: receipt.sealedBytes,
        sealedSha256: receipt.sealedSha256,
      })),
      epochs: [...new Set(run.map(({ receipt }) => receipt.epoch))],
    };
  }

  #end({ start }: Segment): Lsn {
    return start + BigInt(this.#segments.segmentBytes);
  }
}

function timelineOf({ file, parents, at, epoch, ...sealed }: Receipt): Array<EntryOf<'timeline'>> {
  const wal = parseWalFile(file);
  if (wal?.kind !== 'history' || parents === undefined) return [];
  const { bytes: plainBytes, sha256: plainSha256, sealedBytes, sealedSha256 } = sealed;
  const objects = [{ object: walObject(wal), plainBytes, plainSha256, sealedBytes, sealedSha256 }];
  return [{ kind: 'timeline', timeline: wal.timeline, parents, bornAt: new Date(at).toISOString(), objects, epoch }];
}

interface Segment {
  readonly receipt: Receipt;
  readonly timeline: number;
  readonly start: Lsn;
}

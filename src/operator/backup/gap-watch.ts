import { decodeDocument } from './catalog/document.ts';
import type { CatalogueEntry } from './catalog/entries.ts';
import { readHead, seenSystems } from './catalog/home.ts';
import { readDocument } from './catalog/read.ts';
import { parseLsn, type Lsn } from './names.ts';
import type { Repository } from './repository.ts';

export interface GapWatch {
  /**
   * Since when WAL is missing that no base backup came after, in milliseconds since the epoch: no second behind it can be
   * returned to until there is one. Undefined where there is nothing of the kind, and until WAL arrives again: a copy
   * would not help a disk that is full.
   *
   * @throws VectabaseError STORE_UNREACHABLE
   */
  missingSince(repository: Repository, signal: AbortSignal): Promise<number | undefined>;
}

/** Reads what this machine wrote since the last look; whoever acts on it proves the whole chain. */
export function watchGaps(): GapWatch {
  const seen = new Map<string, { number: number; readonly gaps: OpenGaps }>();
  return {
    missingSince: async ({ store, home }, signal) => {
      const since: number[] = [];
      for (const systemId of await seenSystems(home)) {
        const known = seen.get(systemId) ?? { number: 0, gaps: new OpenGaps() };
        seen.set(systemId, known);
        const head = (await readHead(home, systemId, store))?.number ?? 0;
        for (; known.number < head; known.number++) {
          const document = decodeDocument(await readDocument(store, systemId, known.number + 1, signal));
          if (typeof document !== 'string') known.gaps.hear(document.entry, Date.parse(document.at));
        }
        since.push(...known.gaps.over());
      }
      return since.length === 0 ? undefined : Math.max(...since);
    },
  };
}

interface Place {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** Gaps that no base backup begins behind. */
export class OpenGaps {
  #open: Array<{ readonly end: Place; readonly at: number; over: boolean }> = [];
  #base: Place | undefined;

  hear(entry: CatalogueEntry, at: number): void {
    if (entry.kind === 'gap') {
      const end = placeOf(entry.timeline, entry.end);
      // It may be told of later than the backup that was taken after it.
      if (!this.#base || !isBehind(this.#base, end)) this.#open.push({ end, at, over: false });
    }
    if (entry.kind === 'wal') {
      const start = placeOf(entry.timeline, entry.start);
      for (const gap of this.#open) gap.over ||= isBehind(start, gap.end);
    }
    if (entry.kind === 'base') {
      const base = placeOf(entry.start.timeline, entry.start.lsn);
      this.#base = base;
      this.#open = this.#open.filter(({ end }) => !isBehind(base, end));
    }
  }

  /** When each was told of that is behind us. */
  over(): number[] {
    return this.#open.filter((gap) => gap.over).map(({ at }) => at);
  }
}

function placeOf(timeline: number, lsn: string): Place {
  return { timeline, lsn: parseLsn(lsn) ?? 0n };
}

/** A timeline that was begun later goes on from a place that was reached, whatever is missing on those before. */
function isBehind(place: Place, end: Place): boolean {
  return place.timeline === end.timeline ? place.lsn >= end.lsn : place.timeline > end.timeline;
}

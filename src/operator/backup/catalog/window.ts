import { parseLsn, WalSegments, type Lsn } from '../names.ts';
import { timelineAt } from '../restore/timelines.ts';
import type { CatalogueDocument } from './document.ts';
import { entriesOf, prunedFrom } from './view.ts';

/** Seconds that can be returned to, in milliseconds since the epoch. */
export interface ReturnWindow {
  readonly from: number;
  /** The last commit that is archived. */
  readonly to: number;
}

/** What the timelines of a catalogue hold. */
export interface Branches {
  /** The one that was last begun, backed up or written to. */
  readonly live: number | undefined;
  /** Those that a restore, or the undo of one, left, and from which commits can be returned to. */
  readonly left: ReadonlyArray<{ readonly timeline: number; /** Its last commit. */ readonly to: number }>;
}

export function branchesOf(documents: readonly CatalogueDocument[], store: string): Branches {
  const live = liveTimeline(documents);
  const last = new Map<number, number>();
  for (const { timeline, lastCommitAt } of entriesOf(documents, 'wal').map(({ entry }) => entry)) {
    if (lastCommitAt !== null) last.set(timeline, Math.max(last.get(timeline) ?? 0, Date.parse(lastCommitAt)));
  }
  const left = [...last].flatMap(([timeline, to]) =>
    timeline === live || !returnWindow(documents, store, timeline) ? [] : [{ timeline, to }],
  );
  return { live, left: left.toSorted((one, two) => two.to - one.to) };
}

function liveTimeline(documents: readonly CatalogueDocument[]): number | undefined {
  const known = entriesOf(documents, 'timeline').map(({ at, entry }) => ({
    id: entry.timeline,
    bornAt: Date.parse(entry.bornAt ?? at),
  }));
  const bases = entriesOf(documents, 'base').map(({ entry }) => ({
    timeline: entry.end.timeline,
    at: Date.parse(entry.finishedAt),
  }));
  const ranges = entriesOf(documents, 'wal').flatMap(({ entry: { timeline, lastCommitAt } }) =>
    lastCommitAt === null ? [] : [{ timeline, at: Date.parse(lastCommitAt) }],
  );
  return timelineAt([{ id: 1, bornAt: 0 }, ...known], [...bases, ...ranges], undefined)?.id;
}

/**
 * From when to when any second can be returned to, without a hole: from the end of the oldest backup from which WAL
 * leads, segment after segment, to the end of a timeline.
 *
 * @param timeline the one that is in use unless told
 * @returns undefined where no WAL leads on from any backup
 */
export function returnWindow(
  documents: readonly CatalogueDocument[],
  store: string,
  timeline: number | undefined = liveTimeline(documents),
): ReturnWindow | undefined {
  const gone = prunedFrom(documents, store);
  const ranges = entriesOf(documents, 'wal').map(({ entry }) => ({
    ...entry,
    start: lsn(entry.start),
    end: lsn(entry.end),
  }));
  if (timeline === undefined || ranges.length === 0) return undefined;
  const path =
    entriesOf(documents, 'timeline').findLast(({ entry }) => entry.timeline === timeline)?.entry.parents ?? [];
  const stretches = [
    ...path.map((part) => ({ timeline: part.timeline, end: lsn(part.end) })),
    { timeline, end: undefined },
  ];

  const sample = ranges.find(({ files }) => files.length > 0);
  const segments = new WalSegments(sample && Number(sample.end - sample.start) / sample.files.length);

  /** How far WAL goes on from a position without a hole, and the last commit in it. */
  const goOn = (on: number, from: Lsn): { end: Lsn; commit: number } => {
    let [end, commit] = [from, 0];
    for (const range of ranges
      .filter((each) => each.timeline === on)
      .toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
      if (range.start > end || range.end <= from) continue;
      end = range.end > end ? range.end : end;
      commit = Math.max(commit, Date.parse(range.lastCommitAt ?? '') || 0);
    }
    return { end, commit };
  };
  const windows = entriesOf(documents, 'base').flatMap(({ entry }): ReturnWindow[] => {
    const first = stretches.findIndex((stretch) => stretch.timeline === entry.end.timeline);
    if (first === -1 || gone.has(`base/${entry.label}`)) return [];
    let at = lsn(entry.end.lsn);
    let to = 0;
    const left = stretches[first]?.end;
    if (left !== undefined && at > left) return []; // of what a restore undid
    for (const stretch of stretches.slice(first)) {
      const { end, commit } = goOn(stretch.timeline, at);
      // The segment in which a timeline was left is taken of the next one, which begins with a copy of it.
      if (stretch.end !== undefined && end < segments.start(segments.at(stretch.end))) return [];
      // Seconds after the place where it was left are reached on it, up to the moment at which it was left.
      if (ranges.some((range) => stretch.end !== undefined && range.timeline === stretch.timeline && range.start > end))
        return [];
      to = Math.max(to, commit);
      at = stretch.end ?? end;
    }
    const from = Date.parse(entry.finishedAt);
    return to > from ? [{ from, to }] : [];
  });
  const to = Math.max(...windows.map((window) => window.to));
  const whole = windows.filter((window) => window.to === to);
  return whole.length === 0 ? undefined : { from: Math.min(...whole.map(({ from }) => from)), to };
}

function lsn(text: string): Lsn {
  return parseLsn(text) ?? 0n;
}

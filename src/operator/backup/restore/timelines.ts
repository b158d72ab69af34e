import { parseLsn, WalSegments, type Lsn, type WalFile } from '../names.ts';

/**
 * A line of WAL. Every restore that is promoted begins a new one at the place where it stopped; the old one stays as it
 * is, so that the moments after that place can be reached still.
 */
export interface Timeline {
  readonly id: number;
  /** The way here, oldest first: each was left at `end`, the place where the next one begins. */
  readonly ancestors: ReadonlyArray<{ readonly timeline: number; readonly end: Lsn }>;
  /** Milliseconds since the epoch at which it was begun; for the first one 0. */
  readonly bornAt: number;
}

/** One part of a replay: WAL of `timeline` from `begin`, up to `end` where the next part begins. */
export interface Stretch {
  readonly timeline: number;
  readonly begin: Lsn;
  /** Undefined for the last one: up to the target. */
  readonly end: Lsn | undefined;
}

/**
 * Reads what a `.history` file of Postgres says: lines of `timeline TAB LSN TAB reason`.
 *
 * @returns undefined for anything that Postgres would not take: numbers must rise, LSNs must not fall
 */
export function parseHistory(id: number, text: string): Timeline['ancestors'] | undefined {
  const ancestors: Array<{ timeline: number; end: Lsn }> = [];
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, timeline, switched] = /^\s*(\d+)\s+(\S+)/.exec(line) ?? [];
    const end = parseLsn(switched ?? '');
    const before = ancestors.at(-1);
    if (timeline === undefined || end === undefined || Number(timeline) >= id) return undefined;
    if (before && (Number(timeline) <= before.timeline || end < before.end)) return undefined;
    ancestors.push({ timeline: Number(timeline), end });
  }
  return ancestors;
}

/** The whole way to a timeline, oldest part first. */
export function pathTo({ id, ancestors }: Timeline): Stretch[] {
  const begins = [0n, ...ancestors.map(({ end }) => end)];
  const parts = [...ancestors.map(({ timeline, end }) => ({ timeline, end })), { timeline: id, end: undefined }];
  return parts.map((part, index) => ({ ...part, begin: begins[index] ?? 0n }));
}

/** Can a replay that began on `timeline` and is consistent at `lsn` get onto that path? */
export function isOnPath(path: readonly Stretch[], timeline: number, lsn: Lsn): boolean {
  return path.some((part) => part.timeline === timeline && (part.end === undefined || lsn <= part.end));
}

/**
 * The timeline that was the live one at a moment: the one that was last begun, backed up or written to before it. A moment
 * before a restore is sought on the timeline that the restore had left, where everything is that was written until then;
 * one after an undo of it again, as soon as a backup or archived WAL tells of that.
 *
 * @param signs that a timeline was live at a moment; milliseconds since the epoch
 * @param at undefined: now
 */
export function timelineAt<T extends Pick<Timeline, 'id' | 'bornAt'>>(
  timelines: readonly T[],
  signs: ReadonlyArray<{ readonly timeline: number; readonly at: number }>,
  at: number | undefined,
): T | undefined {
  const last = [...timelines.map(({ id, bornAt }) => ({ timeline: id, at: bornAt })), ...signs]
    .filter((sign) => at === undefined || sign.at <= at)
    .toSorted((one, two) => one.at - two.at || one.timeline - two.timeline)
    .at(-1);
  return timelines.find(({ id }) => id === last?.timeline);
}

/**
 * The segments between two places on a path, in the order of a replay. The segment in which a timeline was left is
 * taken of the next one, as Postgres does: it begins with a copy of what was before.
 *
 * @param to the last byte's place; the segment that holds it is the last one
 */
export function* segmentsNeeded(
  path: readonly Stretch[],
  from: Lsn,
  to: Lsn,
  segments: WalSegments,
): Generator<Extract<WalFile, { number: unknown }>> {
  const begins = path.map(({ timeline, begin }) => ({ timeline, first: segments.start(segments.at(begin)) }));
  for (let number = segments.at(from); segments.start(number) <= to; number = segments.next(number)) {
    const start = segments.start(number);
    const part = begins.findLast(({ first }) => first <= start);
    if (part) yield { kind: 'segment', timeline: part.timeline, number };
  }
}

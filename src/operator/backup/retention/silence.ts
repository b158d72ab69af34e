/** Milliseconds. */
export const DAY = 86_400_000;

/** A time in which nobody heard of the machine, and nothing grew old. Milliseconds since the epoch. */
export interface Silence {
  readonly from: number;
  readonly to: number;
}

/** Milliseconds of silence that are believed: a working archive is told of every few minutes. */
export const BELIEVED = 2 * DAY;
/** So many others at least half as long make one a habit: of who backs up by hand, once a week. */
const HABIT = 3;

/**
 * The moment that is so many days ago, without the silences. A clock that jumped ahead, and by which documents were
 * written, would make everything old at once. If the machine was off instead, things stay so much longer.
 */
export function daysAgo(
  { now, silences }: { readonly now: number; readonly silences: readonly Silence[] },
  days: number,
): number {
  let [cursor, left] = [now, days * DAY];
  for (const { from, to } of silences.toReversed()) {
    if (to > cursor) continue;
    if (cursor - to >= left) break;
    left -= cursor - to;
    cursor = from;
  }
  return cursor - left;
}

/** @param times at which something was heard, in any order */
export function silencesOf(times: readonly number[]): Silence[] {
  const inOrder = times.toSorted((one, two) => one - two);
  const pauses = inOrder.slice(1).map((to, index) => ({ from: inOrder[index] ?? to, to }));
  const longest = pauses.map(({ from, to }) => to - from).toSorted((one, two) => two - one);
  return pauses.filter(({ from, to }) => to - from > BELIEVED && 2 * (longest[HABIT] ?? 0) < to - from);
}

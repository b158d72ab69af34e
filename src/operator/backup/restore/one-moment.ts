import { VectabaseError } from '../../../foundation/core/errors.ts';
import { formatLsn, type Lsn } from '../names.ts';
import type { ArchiveView } from './archive-view.ts';
import type { Base, Choice } from './choose-base.ts';
import { instantText, type RestoreTarget } from './target.ts';
import { isOnPath } from './timelines.ts';

/** Something was written at that time between two positions. Microseconds since the epoch. */
interface Sign {
  readonly from: Lsn;
  readonly to: Lsn;
  readonly time: number;
  readonly label: string | undefined;
}

/** Microseconds by which concurrent commits may lie in another order than their times. */
const CONCURRENT = 1_000_000;

/**
 * Refuses a time that came twice, because the clock was set back after it: a base from behind that step holds commits
 * that are later than the target, and a replay from before it lacks those of the second passage.
 *
 * @throws VectabaseError RESTORE_UNREACHABLE with both places
 */
export function assertOneMoment<B extends Base>(
  view: { readonly bases: readonly B[]; readonly ranges: ArchiveView['ranges'] },
  target: RestoreTarget,
  { path }: Pick<Choice<B>, 'path'>,
): void {
  if (target.kind !== 'time') return;
  const signs = [
    ...view.bases.map(
      ({ end, stoppedAt, label, timeline }) =>
        ({ from: end, to: end, time: stoppedAt * 1000, label, timeline }) as const,
    ),
    ...view.ranges.flatMap(({ start, end, lastCommit, timeline }) =>
      lastCommit === undefined ? [] : [{ from: start, to: end, time: lastCommit, label: undefined, timeline }],
    ),
  ].filter(({ timeline, to }) => isOnPath(path, timeline, to));
  const past = signs.filter(({ time }) => time > target.micros).toSorted((one, two) => (one.to < two.to ? -1 : 1));
  const again = signs.filter(({ time, from }) =>
    past.some((each) => time <= target.micros && each.to <= from && each.time - time >= CONCURRENT),
  );
  const [first] = past;
  if (first && again.length > 0) throw twice(target.micros, first, signs, again);
}

function twice(micros: number, past: Sign, signs: readonly Sign[], again: readonly Sign[]): VectabaseError {
  const inOrder = (all: readonly Sign[]): Sign[] => all.toSorted((one, two) => (one.to < two.to ? -1 : 1));
  const before = inOrder(signs).findLast(({ time, to, label }) => label && time <= micros && to <= past.to);
  const behind = inOrder(again).findLast(({ label }) => label !== undefined);
  const at = instantText(micros);
  const way = (sign: Sign | undefined, lsn: Lsn): string =>
    sign?.label === undefined ? `--lsn ${formatLsn(lsn)}` : `${sign.label} --pitr '${at}'`;
  const [one, two] = [way(before, past.from), way(behind, inOrder(again).at(-1)?.to ?? past.to)];
  return new VectabaseError('RESTORE_UNREACHABLE', {
    message: `${at} came twice: the clock was set back behind LSN ${formatLsn(past.to)}`,
    hint: `For the first time it came: vectabase backup restore ${one}. For the last: vectabase backup restore ${two}`,
    details: { first: one, last: two, lsn: formatLsn(past.to) },
  });
}

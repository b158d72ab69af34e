import { VectabaseError } from '../../../foundation/core/errors.ts';
import { formatLsn } from '../names.ts';
import { instantText, targetText, type RestoreTarget } from './target.ts';
import { isOnPath, pathTo, timelineAt, type Stretch, type Timeline } from './timelines.ts';

/** What the choice needs to know of a base backup. */
export interface Base {
  readonly label: string;
  readonly timeline: number;
  readonly start: bigint;
  /** Where it is consistent. */
  readonly end: bigint;
  /** Milliseconds since the epoch, by the server's clock: no commit in it is later. */
  readonly stoppedAt: number;
}

export interface Choice<B extends Base> {
  readonly base: B;
  readonly timeline: Timeline;
  readonly path: readonly Stretch[];
}

interface Wishes {
  readonly target: RestoreTarget;
  /** Another than the one that was live at the target. */
  readonly timeline?: number | undefined;
  /** This base and no other. */
  readonly label?: string | undefined;
  /** Which timelines had commits, and when (microseconds): after an undo nothing else tells that the old one is live. */
  readonly ranges?: ReadonlyArray<{ readonly timeline: number; readonly lastCommit: number | undefined }>;
}

/**
 * The base from which the shortest replay leads to a target.
 *
 * Its end must not be after the target: Postgres cannot go back, takes the first commit that it meets for the place to
 * stop at, and ends without an error in a state that is newer than the one asked for.
 *
 * @throws VectabaseError BACKUP_MISSING, naming the first moment that can be reached
 */
export function chooseBase<B extends Base>(
  bases: readonly B[],
  timelines: readonly Timeline[],
  { target, timeline, label, ranges = [] }: Wishes,
): Choice<B> {
  const at = target.kind === 'time' ? target.micros / 1000 : undefined;
  const written = ranges.flatMap((range) =>
    range.lastCommit === undefined ? [] : [{ timeline: range.timeline, at: range.lastCommit / 1000 }],
  );
  const signs = [...bases.map((base) => ({ timeline: base.timeline, at: base.stoppedAt })), ...written];
  const line = timeline === undefined ? timelineAt(timelines, signs, at) : timelines.find(({ id }) => id === timeline);
  if (!line) throw noTimeline(timeline);
  const path = pathTo(line);
  const reachable = bases
    .filter((base) => label === undefined || base.label === label)
    .filter((base) => isOnPath(path, base.timeline, base.end))
    .toSorted((one, two) => one.stoppedAt - two.stoppedAt || (one.end < two.end ? -1 : 1));
  const base = reachable.findLast((each) => isBefore(each, target));
  if (base) return { base, timeline: line, path };
  throw tooEarly(reachable[0], target, label);
}

function isBefore({ stoppedAt, end }: Base, target: RestoreTarget): boolean {
  if (target.kind === 'time') return stoppedAt * 1000 <= target.micros;
  return target.kind === 'lsn' ? end <= target.lsn : true;
}

function noTimeline(id: number | undefined): VectabaseError {
  return new VectabaseError('BACKUP_MISSING', {
    message: id === undefined ? 'there is no WAL of that time' : `there is no timeline ${id} in the archive`,
    hint: 'Run vectabase backup list to see what there is.',
  });
}

function tooEarly(first: Base | undefined, target: RestoreTarget, label: string | undefined): VectabaseError {
  const which = label === undefined ? 'no base backup' : `backup ${label}`;
  if (!first) {
    return new VectabaseError('BACKUP_MISSING', {
      message: `${which} leads to ${targetText(target)}`,
      hint: 'Run vectabase backup list to see what there is.',
    });
  }
  const earliest = instantText(first.stoppedAt * 1000);
  return new VectabaseError('BACKUP_MISSING', {
    message: `${targetText(target)} is before the first moment that ${label === undefined ? 'the backups reach' : `backup ${label} reaches`}`,
    hint: `The first one is ${earliest} (LSN ${formatLsn(first.end)}): vectabase backup restore --pitr '${earliest}'`,
    details: { earliest, earliestLsn: formatLsn(first.end), backup: first.label },
  });
}

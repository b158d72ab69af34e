import { VectabaseError } from '../../../foundation/core/errors.ts';
import { formatLsn } from '../names.ts';
import { instantText, parseInstant, targetText, type RestoreTarget } from './target.ts';

/** Where a replay came to rest, as the server tells it. */
export interface StopPoint {
  readonly lsn: bigint;
  /** Of the last commit that was replayed, in microseconds since the epoch; undefined when there was none. */
  readonly lastCommit: number | undefined;
  /** Of the commit at which it stopped, which is not in it. Undefined for other targets than a time. */
  readonly nextCommit: number | undefined;
}

const STOPPED_BEFORE = /recovery stopping before (?:commit|abort) of (?:prepared )?transaction \d+, time (.+)$/;
const STOPPED = /recovery stopping (?:before|after|at) |recovery stopping after reaching consistency/;

/** What the server's log says of the stop; undefined when it says nothing of one. */
export function readStopLine(log: readonly string[]): { readonly nextCommit: number | undefined } | undefined {
  const line = log.findLast((each) => STOPPED.test(each));
  if (line === undefined) return undefined;
  const time = STOPPED_BEFORE.exec(line)?.[1];
  return { nextCommit: time === undefined ? undefined : parseInstant(time) };
}

/** What a stop point is held against. */
export interface Expected {
  /** Where the base is consistent, and when that was: milliseconds since the epoch. */
  readonly base: { readonly end: bigint; readonly stoppedAt: number };
  /** Where the WAL that is known of ends: no replay to the latest commit may end before. */
  readonly expectedEnd: bigint | undefined;
}

/**
 * Postgres takes the first record that is past a target for the place to stop at. Was that the right one? What came
 * before must be at the target or earlier, what would have come next must be later, and the copy must be consistent.
 *
 * @throws VectabaseError RESTORE_UNPROVEN
 */
export function assertStoppedRight(target: RestoreTarget, stop: StopPoint, expected: Expected): void {
  const wrong = whatIsWrong(target, stop, expected);
  if (wrong === undefined) return;
  throw new VectabaseError('RESTORE_UNPROVEN', {
    message: `the replay to ${targetText(target)} came to rest in the wrong place: ${wrong}`,
    hint: 'Nothing of the running installation was touched. Try an earlier backup: vectabase backup list.',
    details: {
      lsn: formatLsn(stop.lsn),
      lastCommit: stop.lastCommit === undefined ? null : instantText(stop.lastCommit),
    },
  });
}

function whatIsWrong(
  target: RestoreTarget,
  { lsn, lastCommit, nextCommit }: StopPoint,
  { base, expectedEnd }: Expected,
): string | undefined {
  if (lsn < base.end) return `at ${formatLsn(lsn)}, before the backup is consistent`;
  switch (target.kind) {
    case 'time':
      if (base.stoppedAt * 1000 > target.micros) return 'the backup itself is newer';
      if (lastCommit !== undefined && lastCommit > target.micros) {
        return `it holds a commit of ${instantText(lastCommit)}`;
      }
      if (nextCommit === undefined) return 'nobody knows which commit would have been the next';
      return nextCommit <= target.micros ? `it lacks a commit of ${instantText(nextCommit)}` : undefined;
    case 'lsn':
      return lsn < target.lsn ? `at ${formatLsn(lsn)}, short of it` : undefined;
    case 'latest':
      return expectedEnd !== undefined && lsn < expectedEnd
        ? `at ${formatLsn(lsn)}, and the archive goes on to ${formatLsn(expectedEnd)}`
        : undefined;
    case 'xid':
    case 'name':
    case 'base':
      return undefined;
  }
}

import { VectabaseError } from '../../../foundation/core/errors.ts';
import { formatLsn, formatWalFile, walObject, type Lsn, type WalFile } from '../names.ts';
import type { ArchiveView } from './archive-view.ts';
import type { Base, Choice } from './choose-base.ts';
import { instantText, targetText, type RestoreTarget } from './target.ts';
import { segmentsNeeded } from './timelines.ts';

/** The WAL that leads on from a base. */
export interface Chain {
  /** Segments without a hole, in the order of a replay. */
  readonly segments: readonly WalFile[];
  readonly sealedBytes: number;
  /** First byte that is not there any more. */
  readonly end: Lsn;
  /** There is WAL behind `end`, so what lies there is lost and not just still to come. */
  readonly hole: boolean;
  /** A commit at this microsecond or later is in it, by the catalogue; undefined where that knows of none. */
  readonly lastCommit: number | undefined;
}

/** Follows the WAL from a base for as far as it is there. */
export function followChain<B extends Base>(view: ArchiveView, { base, path }: Choice<B>): Chain {
  const { objects, segments, ranges } = view;
  const found: WalFile[] = [];
  let sealedBytes = 0;
  // The base brings its own WAL, up to and with the segment in which it became consistent.
  let end = segments.start(segments.next(segments.at(base.end - 1n)));
  for (const segment of segmentsNeeded(path, end, LAST, segments)) {
    const bytes = objects.get(walObject(segment));
    if (bytes === undefined) break;
    found.push(segment);
    sealedBytes += bytes;
    end = segments.start(segment.number) + BigInt(segments.segmentBytes);
  }
  const own = ranges.filter(({ timeline }) => path.some((part) => part.timeline === timeline));
  const commits = own.flatMap((range) =>
    range.end <= end && range.lastCommit !== undefined ? [range.lastCommit] : [],
  );
  return {
    segments: found,
    sealedBytes,
    end,
    hole: path.some((part) => isBehind(view, part.timeline, end)),
    lastCommit: commits.length === 0 ? undefined : Math.max(...commits),
  };
}

/** The last position that there can be. */
const LAST = 0xffff_ffff_ffff_ffffn;

function isBehind({ objects, segments, ranges }: ArchiveView, timeline: number, end: Lsn): boolean {
  if (ranges.some((range) => range.timeline === timeline && range.end > end)) return true;
  const prefix = `wal/${timeline.toString(16).toUpperCase().padStart(8, '0')}/`;
  return [...objects.keys()].some((object) => {
    if (!object.startsWith(prefix)) return false;
    const name = object.slice(object.lastIndexOf('/') + 1);
    return /^[0-9A-F]{24}$/.test(name) && name.slice(8) > formatWalFile(segmentAt(segments.at(end))).slice(8);
  });
}

function segmentAt(number: { upper: number; lower: number }): WalFile {
  return { kind: 'segment', timeline: 1, number };
}

/**
 * Refuses a target behind a hole: a replay would end there, and for the latest commit call it a success.
 *
 * @throws VectabaseError RESTORE_UNREACHABLE with the first file that is missing and the newest moment before it
 */
export function assertReaches<B extends Base>(
  view: ArchiveView,
  target: RestoreTarget,
  choice: Choice<B>,
  chain: Chain,
): void {
  const { base } = choice;
  const last = chain.lastCommit ?? base.stoppedAt * 1000;
  const missing = (): VectabaseError => {
    const [file] = segmentsNeeded(choice.path, chain.end, chain.end, view.segments);
    const name = file === undefined ? formatLsn(chain.end) : formatWalFile(file);
    return new VectabaseError('RESTORE_UNREACHABLE', {
      message: `${targetText(target)} cannot be reached from backup ${base.label}: the WAL file ${name} is missing`,
      hint: `The newest moment before it that is known: vectabase backup restore --pitr '${instantText(last)}'`,
      details: { file: name, newest: instantText(last), backup: base.label },
    });
  };
  if (target.kind === 'lsn' && target.lsn >= chain.end) throw chain.hole ? missing() : notYet(target, last);
  if (!chain.hole) return;
  if (target.kind === 'latest' || (target.kind === 'time' && target.micros > last)) throw missing();
}

function notYet(target: RestoreTarget, last: number): VectabaseError {
  return new VectabaseError('RESTORE_UNREACHABLE', {
    message: `the archive ends before ${targetText(target)}`,
    hint: `For the last commit that there is (of ${instantText(last)} or later): vectabase backup restore --latest`,
    details: { newest: instantText(last) },
  });
}

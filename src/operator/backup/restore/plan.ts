import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { ArchiveView } from './archive-view.ts';
import { assertReaches, followChain, type Chain } from './chain.ts';
import { chooseBase, type Choice } from './choose-base.ts';
import { assertOneMoment } from './one-moment.ts';
import { instantText, targetText, type RestoreTarget } from './target.ts';

/** What will be done, before anything is. Shown by `--dry-run`. */
export interface RestorePlan {
  readonly target: string;
  readonly systemId: string;
  readonly backup: string;
  readonly backupTakenAt: string;
  /** What an incremental backup builds on, the full one first. */
  readonly buildsOn: readonly string[];
  readonly postgres: string;
  /** Whether a key that this machine knows, or that was named, signed for the backup. Without that it may be anybody's. */
  readonly trusted: boolean;
  readonly timeline: number;
  readonly segments: number;
  /** Sealed, as it is fetched; and room needed where the copy is built, with a tenth to spare. */
  readonly walBytes: number;
  readonly neededBytes: number;
  readonly freeBytes: number;
  /** The newest moment that the catalogue knows to be reachable; what is written last it hears minutes later. */
  readonly newestKnown: string;
  /** `null` while nobody knows: the archive may hold that moment and may not. */
  readonly reachable: true | null;
}

export interface PlannedRestore {
  readonly plan: RestorePlan;
  readonly choice: Choice<ArchiveView['bases'][number]>;
  readonly chain: Chain;
}

interface PlanInput {
  readonly target: RestoreTarget;
  readonly timeline?: number | undefined;
  readonly label?: string | undefined;
  /** The directory in which the copy is built. */
  readonly place: string;
  readonly now: number;
}

/**
 * Chooses base and timeline and follows the WAL, without touching anything.
 *
 * @throws VectabaseError USAGE for a target in the future, BACKUP_MISSING, RESTORE_UNREACHABLE, DISK_FULL
 */
export async function planRestore(view: ArchiveView, input: PlanInput): Promise<PlannedRestore> {
  const { target, now } = input;
  if (target.kind === 'time' && target.micros > Math.max(now * 1000, newestTold(view)))
    throw inTheFuture(target.micros, now);
  const choice = chooseBase(view.bases, view.timelines, { ...input, ranges: view.ranges });
  // Who names a backup has told which of two passages is meant.
  if (input.label === undefined) assertOneMoment(view, target, choice);
  const chain = followChain(view, choice);
  assertReaches(view, target, choice, chain);
  const { base, timeline } = choice;
  const known = chain.lastCommit ?? base.stoppedAt * 1000;
  const neededBytes = room(choice, chain, view);
  const plan: RestorePlan = {
    target: targetText(target),
    systemId: view.systemId,
    backup: base.label,
    backupTakenAt: base.entry.finishedAt,
    buildsOn: base.ancestors.map(({ label }) => label),
    postgres: base.entry.postgres,
    trusted: base.entry.signed,
    timeline: timeline.id,
    segments: chain.segments.length,
    walBytes: chain.sealedBytes,
    neededBytes,
    freeBytes: await freeBytes(input.place),
    newestKnown: instantText(known),
    reachable: target.kind === 'time' && target.micros > known ? null : true,
  };
  if (plan.neededBytes > plan.freeBytes) throw noRoom(plan, input.place);
  return { plan, choice, chain };
}

/** By the catalogue, in microseconds: a clock that was set back must not make a future of what was. */
function newestTold({ bases, ranges }: ArchiveView): number {
  return Math.max(
    0,
    ...bases.map(({ stoppedAt }) => stoppedAt * 1000),
    ...ranges.map(({ lastCommit = 0 }) => lastCommit),
  );
}

/** The cluster as it was (at most what all links of a chain hold together), what the WAL may add to it, and some segments in flight; and a tenth. */
function room({ base }: PlannedRestore['choice'], chain: Chain, { segments }: Pick<ArchiveView, 'segments'>): number {
  const cluster = [...base.ancestors, base.entry]
    .flatMap(({ objects }) => objects.filter(({ object }) => object.endsWith('/base.tar')))
    .reduce((sum, { plainBytes }) => sum + plainBytes, 0);
  const wal = Math.min(chain.segments.length, SEGMENTS_KEPT) * segments.segmentBytes;
  return Math.ceil((cluster + wal) * 1.1);
}

/** Postgres removes replayed segments at its restart points; so many may lie there. */
const SEGMENTS_KEPT = 64;

/** Of the file system that a directory is on, or will be. */
async function freeBytes(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (error) {
    const above = path.dirname(directory);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === directory) throw error;
    return freeBytes(above);
  }
}

function inTheFuture(micros: number, now: number): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `${instantText(micros)} is in the future: it is ${instantText(now * 1000)}`,
    hint: 'Look at its zone. For the last commit that there is: vectabase backup restore --latest',
  });
}

function noRoom({ neededBytes, freeBytes: free }: RestorePlan, place: string): VectabaseError {
  return new VectabaseError('DISK_FULL', {
    message: `the copy needs ${megabytes(neededBytes)} in ${place}, and ${megabytes(free)} are free`,
    hint: 'Make room there, or name another directory: --scratch DIR.',
    details: { neededBytes, freeBytes: free, directory: place },
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

/** Where a base is consistent and where its WAL must at least lead to. */
export function expectedOf({ choice: { base }, chain }: PlannedRestore, view: ArchiveView) {
  const lastSegment = chain.end - BigInt(view.segments.segmentBytes);
  return { base, expectedEnd: lastSegment > base.end ? lastSegment : base.end };
}

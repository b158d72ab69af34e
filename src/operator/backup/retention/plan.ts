import { keepDumps, type Keep } from './calendar.ts';
import { BELIEVED, daysAgo, type Silence } from './silence.ts';

/** A base backup. Times in milliseconds since the epoch, positions in bytes. */
export interface BaseItem {
  readonly group: string;
  readonly finishedAt: number;
  readonly timeline: number;
  readonly start: bigint;
  /** Group of the backup that it builds on. */
  readonly parent: string | undefined;
  /** The highest level of verification that it passed, with all that it builds on; -1 for none. */
  readonly level: number;
  readonly pinned: boolean;
}

/** A dump or a copy of the configuration: stands for itself. */
export interface DumpItem {
  readonly group: string;
  readonly kind: 'dump' | 'config';
  readonly finishedAt: number;
  readonly level: number;
  readonly pinned: boolean;
}

export interface WalItem {
  readonly group: string;
  readonly timeline: number;
  /** First byte behind it. */
  readonly end: bigint;
}

/** The way to a timeline, oldest part first. One that nobody described may hang on any of those before it. */
export interface Branch {
  readonly timeline: number;
  readonly parents: ReadonlyArray<{ readonly timeline: number; readonly end: bigint }>;
}

/** What one store holds, by the signed catalogue. */
export interface RetentionState {
  readonly bases: readonly BaseItem[];
  readonly dumps: readonly DumpItem[];
  readonly wal: readonly WalItem[];
  readonly branches: readonly Branch[];
  /** When something was last written to a timeline. */
  readonly lastUse: ReadonlyMap<number, number>;
  readonly now: number;
  /** The latest moment that the catalogue tells of. */
  readonly latest: number;
  /** When nothing was heard for so long that the clock may have jumped: nothing grows old meanwhile. In order. */
  readonly silences: readonly Silence[];
  /** Groups that a backup builds on which the store does not have yet. */
  readonly awaited: ReadonlySet<string>;
  /** The job whose last run failed. */
  readonly failing: string | undefined;
}

export interface RetentionRules {
  /** Days back to which any second can be returned to. */
  readonly windowDays: number;
  /** Days that every dump is kept. */
  readonly dumpDays: number;
}

export type Refusal = 'clock-went-back' | 'clock-went-ahead' | 'last-backup-failed';

export interface RetentionPlan {
  readonly refused: Refusal | undefined;
  /** Groups, those that build on others first. */
  readonly remove: readonly string[];
  readonly keep: ReadonlyMap<string, Keep>;
}

/**
 * What of a store may go. Ages count by the moment of completion and never by the number of a timeline, which begins
 * anew after an upgrade; what a kept backup needs is found by following the timelines that branch off behind it.
 */
export function planRetention(state: RetentionState, rules: RetentionRules): RetentionPlan {
  const keep = new Map<string, Keep>();
  keepBases(state, rules, keep);
  keepDumps(state, rules, keep);
  const refused = refusal(state);
  if (refused !== undefined) return { refused, remove: [], keep };
  const reachable = reachableFrom(state, keep);
  const groups = [
    ...state.wal.filter((item) => !reachable(item)),
    ...dependentsFirst(state.bases.filter(({ group }) => !keep.has(group))),
    ...state.dumps.filter(({ group }) => !keep.has(group)),
  ].map(({ group }) => group);
  return { refused, remove: [...new Set(groups)], keep };
}

/**
 * A clock that went back makes everything look young or old at random, and one that went ahead makes everything look
 * old; after a failure the old is all there is.
 */
function refusal({ now, latest, failing }: RetentionState): Refusal | undefined {
  if (now < latest) return 'clock-went-back';
  // Of an empty catalogue nothing can go.
  if (latest > 0 && now - latest > BELIEVED) return 'clock-went-ahead';
  return failing === undefined ? undefined : 'last-backup-failed';
}

function keepBases(state: RetentionState, { windowDays }: RetentionRules, keep: Map<string, Keep>): void {
  const from = daysAgo(state, windowDays);
  const newestFirst = state.bases.toSorted((one, two) => two.finishedAt - one.finishedAt);
  const hold = (base: BaseItem | undefined, why: Keep): void => {
    if (base && !keep.has(base.group)) keep.set(base.group, why);
  };
  hold(newestFirst[0], 'newest');
  hold(
    newestFirst.find(({ level }) => level >= 2),
    'newest-verified',
  );
  for (const base of newestFirst) {
    if (base.pinned) hold(base, 'pinned');
    if (base.finishedAt >= from) hold(base, 'window');
    if (state.awaited.has(base.group)) hold(base, 'parent');
  }
  // The window begins between two backups: the older of them leads to its first second, on each branch still in use.
  for (const [timeline, lastUse] of state.lastUse) {
    if (lastUse < from) continue;
    const leads = leadsTo(state.branches, timeline);
    hold(
      newestFirst.find((base) => base.finishedAt <= from && leads(base)),
      'window',
    );
  }
  const byGroup = new Map(state.bases.map((base) => [base.group, base]));
  const chosen = [...keep.keys()];
  for (const group of chosen) {
    for (let base = byGroup.get(group); base?.parent !== undefined; base = byGroup.get(base.parent)) {
      hold(byGroup.get(base.parent), 'parent');
    }
  }
}

/** Does a replay from a backup get onto a timeline? */
function leadsTo(branches: readonly Branch[], timeline: number): (base: BaseItem) => boolean {
  const known = branches.find((branch) => branch.timeline === timeline);
  return (base) => {
    if (base.timeline === timeline) return true;
    if (!known) return base.timeline < timeline;
    return known.parents.some((parent) => parent.timeline === base.timeline && base.start < parent.end);
  };
}

/** Whether a segment can be met by a replay from any kept backup, on its own timeline or on one that branched off. */
function reachableFrom(state: RetentionState, keep: ReadonlyMap<string, Keep>): (item: WalItem) => boolean {
  const starts = new Map<number, bigint>();
  for (const timeline of new Set(state.wal.map((item) => item.timeline))) {
    const leads = leadsTo(state.branches, timeline);
    for (const base of state.bases) {
      const least = starts.get(timeline);
      if (keep.has(base.group) && leads(base) && (least === undefined || base.start < least))
        starts.set(timeline, base.start);
    }
  }
  return ({ timeline, end }) => {
    const start = starts.get(timeline);
    return start !== undefined && end > start;
  };
}

function dependentsFirst(bases: readonly BaseItem[]): BaseItem[] {
  const byGroup = new Map(bases.map((base) => [base.group, base]));
  const depth = ({ parent }: BaseItem): number => {
    const above = parent === undefined ? undefined : byGroup.get(parent);
    return above ? depth(above) + 1 : 0;
  };
  return bases.toSorted((one, two) => depth(two) - depth(one) || one.finishedAt - two.finishedAt);
}

import type { DumpItem, RetentionRules, RetentionState } from './plan.ts';
import { DAY, daysAgo } from './silence.ts';

/** Why something stays. */
export type Keep = 'newest' | 'newest-verified' | 'pinned' | 'window' | 'parent' | 'daily' | 'weekly' | 'monthly';

/** How many days, weeks and months keep their newest dump. */
const STEPS: ReadonlyArray<readonly [why: Keep, count: number, periodOf: (time: number) => string]> = [
  ['daily', 7, (time) => iso(time).slice(0, 10)],
  ['weekly', 4, (time) => iso(time - ((new Date(time).getUTCDay() + 6) % 7) * DAY).slice(0, 10)],
  ['monthly', 6, (time) => iso(time).slice(0, 7)],
];

/** All of the last days that the rules say (30 at least), then ever sparser; configurations as dumps. */
export function keepDumps(state: RetentionState, { dumpDays }: RetentionRules, keep: Map<string, Keep>): void {
  const hold = (item: DumpItem | undefined, why: Keep): void => {
    if (item && !keep.has(item.group)) keep.set(item.group, why);
  };
  const from = daysAgo(state, dumpDays);
  for (const kind of ['dump', 'config'] as const) {
    const newestFirst = state.dumps
      .filter((item) => item.kind === kind)
      .toSorted((one, two) => two.finishedAt - one.finishedAt);
    hold(newestFirst[0], 'newest');
    hold(
      newestFirst.find(({ level }) => level >= 2),
      'newest-verified',
    );
    for (const item of newestFirst) {
      if (item.pinned) hold(item, 'pinned');
      if (item.finishedAt >= from) hold(item, 'window');
    }
    for (const [why, count, periodOf] of STEPS) {
      for (const item of newestOfEach(newestFirst, periodOf).slice(0, count)) hold(item, why);
    }
  }
}

function newestOfEach(newestFirst: readonly DumpItem[], periodOf: (time: number) => string): DumpItem[] {
  const newest = new Map<string, DumpItem>();
  for (const item of newestFirst) {
    const period = periodOf(item.finishedAt);
    if (!newest.has(period)) newest.set(period, item);
  }
  return [...newest.values()];
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

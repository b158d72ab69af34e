import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  planRetention,
  type BaseItem,
  type Branch,
  type RetentionPlan,
  type RetentionState,
} from '../../../src/operator/backup/retention/plan.ts';
import { DAY, silencesOf } from '../../../src/operator/backup/retention/silence.ts';

/** `VECTABASE_RETENTION_RUNS=20000` for a long look. */
const RUNS = Number(process.env['VECTABASE_RETENTION_RUNS'] ?? 2_000);
const HOUR = 3_600_000;
const RULES = { windowDays: 7, dumpDays: 30 };

describe('whatever happened, retention', () => {
  let removals = 0;
  const holds = (check: (state: RetentionState, plan: RetentionPlan, removed: Set<string>) => void): void => {
    fc.assert(
      fc.property(histories(), (state) => {
        const plan = planRetention(state, RULES);
        removals += plan.remove.length;
        check(state, plan, new Set(plan.remove));
      }),
      { numRuns: RUNS },
    );
  };

  test('keeps the newest, and the newest that was verified (I1)', () => {
    holds(({ bases, dumps }, _plan, removed) => {
      for (const items of [bases, dumps.filter(({ kind }) => kind === 'dump')]) {
        const inOrder = items.toSorted((one, two) => two.finishedAt - one.finishedAt);
        const verified = inOrder.find(({ level }) => level >= 2);
        for (const kept of [inOrder[0], verified]) expect(removed.has(kept?.group ?? '')).toBe(false);
      }
    });
    expect(removals).toBeGreaterThan(RUNS); // or nothing was put to the test
  });

  test('keeps all WAL that a kept backup can need (I2)', () => {
    holds((state, _plan, removed) => {
      for (const base of state.bases.filter(({ group }) => !removed.has(group))) {
        for (const group of needed(state, base)) expect(removed.has(group)).toBe(false);
      }
    });
  });

  test('keeps the return to any second of the window, on every branch in use (I2, I9)', () => {
    holds((state, _plan, removed) => {
      const from = state.now - RULES.windowDays * DAY;
      for (const [timeline, lastUse] of state.lastUse) {
        if (lastUse < from) continue;
        const leading = state.bases.filter((base) => timelinesBehind(state.branches, base).has(timeline));
        for (const at of [from, from + DAY, from + 3 * DAY, state.now]) {
          const could = leading.some(({ finishedAt }) => finishedAt <= at);
          const can = leading.some(({ group, finishedAt }) => finishedAt <= at && !removed.has(group));
          expect(can).toBe(could);
        }
      }
    });
  });

  test('keeps every dump for thirty days', () => {
    holds(({ dumps, now }, _plan, removed) => {
      for (const { group, finishedAt } of dumps) {
        expect(removed.has(group) && now - finishedAt <= 30 * DAY).toBe(false);
      }
    });
  });

  test('goes by time and not by the number of a timeline (I3)', () => {
    holds((state, plan) => {
      expect(planRetention(renumbered(state, 100), RULES).remove).toEqual(plan.remove);
    });
  });

  test('takes what builds on others before them, and those never alone (I4)', () => {
    holds(({ bases }, { remove }, removed) => {
      for (const { group, parent } of bases) {
        if (parent === undefined || !removed.has(parent)) continue;
        expect(removed.has(group)).toBe(true);
        expect(remove.indexOf(group)).toBeLessThan(remove.indexOf(parent));
      }
    });
  });

  test('keeps whole what it keeps, and what a backup builds on that is still on its way (I4)', () => {
    let [chains, awaitedOnes] = [0, 0];
    holds(({ bases, awaited }, { keep }, removed) => {
      const byGroup = new Map(bases.map((base) => [base.group, base]));
      for (const base of bases) {
        if (removed.has(base.group)) continue;
        for (let at = base; at.parent !== undefined; chains++) {
          const parent = byGroup.get(at.parent);
          expect(parent && !removed.has(parent.group)).toBe(true);
          at = parent ?? { ...at, parent: undefined };
        }
      }
      for (const group of awaited) {
        expect(removed.has(group)).toBe(false);
        expect(keep.has(group)).toBe(true);
        awaitedOnes++;
      }
    });
    expect(chains).toBeGreaterThan(RUNS / 3);
    expect(awaitedOnes).toBeGreaterThan(RUNS / 10);
  });

  test('takes nothing after a failure or when the clock cannot be right (I5)', () => {
    holds((state, { refused, remove }) => {
      const silence = state.latest === 0 ? 0 : state.now - state.latest;
      const bad = silence < 0 || silence > 2 * DAY || state.failing !== undefined;
      expect(refused !== undefined).toBe(bad);
      expect(bad && remove.length > 0).toBe(false);
      expect(planRetention({ ...state, now: state.latest - HOUR }, RULES).remove).toEqual([]);
      expect(planRetention({ ...state, failing: 'base' }, RULES).remove).toEqual([]);
      for (const ahead of [3, 35, 4000]) {
        expect(planRetention({ ...state, now: state.latest + ahead * DAY }, RULES).remove).toEqual([]);
      }
    });
  });

  test('takes nothing that is pinned (I8)', () => {
    holds(({ bases, dumps }, _plan, removed) => {
      for (const { group, pinned } of [...bases, ...dumps]) expect(pinned && removed.has(group)).toBe(false);
    });
  });

  test('is done when it was done once', () => {
    holds((state, _plan, removed) => {
      const left = ({ group }: { group: string }): boolean => !removed.has(group);
      const { bases, dumps, wal } = state;
      const after = { ...state, bases: bases.filter(left), dumps: dumps.filter(left), wal: wal.filter(left) };
      expect(planRetention(after, RULES).remove).toEqual([]);
    });
  });
});

/** Something is backed up each day; the clock jumps, and what is written from then on is of another month. */
test('a clock that jumped ahead, and by which documents were written, makes nothing old', () => {
  const step = fc.record({
    kind: fc.constantFrom('base', 'dump', 'config', 'wal'),
    by: fc.integer({ min: 1, max: 24 }),
  });
  const lives = fc.array(step, { minLength: 20, maxLength: 200 });
  let [kept, old] = [0, 0];
  fc.assert(
    fc.property(lives, fc.nat(1_000), fc.integer({ min: 3, max: 4_000 }), (life, place, days) => {
      const at = place % life.length;
      const steps = life.flatMap(({ kind, by }, index) => [
        { kind: 'pass', by: by + (index === at ? days * 24 : 0) },
        { kind, by: 1 },
      ]);
      const jumped = planRetention(replay(steps), RULES);
      const steady = planRetention(
        replay(
          life.flatMap(({ kind, by }) => [
            { kind: 'pass', by },
            { kind, by: 1 },
          ]),
        ),
        RULES,
      );
      expect([jumped.refused, steady.refused]).toEqual([undefined, undefined]);
      for (const [group, why] of steady.keep) {
        if (why !== 'window') continue;
        expect(jumped.remove).not.toContain(group);
        kept++;
      }
      old += steady.remove.length;
    }),
    { numRuns: RUNS / 10 },
  );
  expect(kept).toBeGreaterThan(RUNS);
  expect(old).toBeGreaterThan(RUNS / 10); // what is old indeed goes
});

test.each([
  ['backs up by hand once a week', [0, 7, 14, 21, 28, 35, 42], 0],
  ['was off for a month', [0, 1, 2, 3, 33, 34], 1],
  ['was off twice', [0, 1, 2, 33, 34, 60, 61], 2],
])('silence of one who %s', (_, days, silent) => {
  expect(silencesOf(days.map((day) => day * DAY))).toHaveLength(silent);
});

test('an ordinary year leaves what the rules say', () => {
  const now = Date.UTC(2026, 11, 31, 12);
  const days = Array.from({ length: 365 }, (_, ago) => ago);
  const state: RetentionState = {
    ...NOTHING,
    now,
    latest: now,
    dumps: days.map((ago) => ({
      group: `dump/${ago}`,
      kind: 'dump',
      finishedAt: now - ago * DAY,
      level: 3,
      pinned: false,
    })),
    bases: days
      .filter((ago) => ago % 7 === 0)
      .map((ago) => baseItem(`base/${ago}`, { finishedAt: now - ago * DAY, start: BigInt(1000 - ago), level: 3 })),
    wal: days.map((ago) => ({ group: `wal/${ago}`, timeline: 1, end: BigInt(1000 - ago) + 1n })),
    lastUse: new Map([[1, now]]),
  };
  const { remove } = planRetention(state, RULES);
  const left = (kind: string): number[] =>
    days.filter((ago) => !remove.includes(`${kind}/${ago}`) && (kind !== 'base' || ago % 7 === 0));
  expect(left('base')).toEqual([0, 7]);
  expect(left('wal')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  // Thirty-one days, and the last dump of each of six months: the oldest three are of October, September, August, July.
  expect(left('dump').filter((ago) => ago <= 30)).toHaveLength(31);
  expect(left('dump').filter((ago) => ago > 30)).toEqual([31, 61, 92, 122, 153]);
});

const NOTHING: RetentionState = {
  bases: [],
  dumps: [],
  wal: [],
  branches: [],
  lastUse: new Map(),
  awaited: new Set(),
  now: 0,
  latest: 0,
  silences: [],
  failing: undefined,
};

function baseItem(group: string, some: Partial<BaseItem>): BaseItem {
  return { group, finishedAt: 0, timeline: 1, start: 0n, parent: undefined, level: -1, pinned: false, ...some };
}

/** Months of a cluster that is backed up, restored to earlier moments, verified, pinned, and sometimes fails. */
function histories(): fc.Arbitrary<RetentionState> {
  const event = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass'), by: fc.integer({ min: 1, max: 80 }) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('wal'), by: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('base', 'incremental'), by: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('dump', 'config'), by: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('verify', 'break', 'pin'), by: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restore', 'restore-untold'), by: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('fail', 'back'), by: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('await'), by: fc.nat(20) }) },
  );
  return fc.array(event, { minLength: 5, maxLength: 90 }).map((events) => replay(events));
}

function replay(events: ReadonlyArray<{ kind: string; by: number }>): RetentionState {
  const state = { ...NOTHING, bases: [] as BaseItem[], dumps: [...NOTHING.dumps], wal: [...NOTHING.wal] };
  const branches: Branch[] = [];
  const lastUse = new Map<number, number>();
  let [now, latest, timeline, lsn, count] = [Date.UTC(2026, 0, 1), 0, 1, 10n, 0];
  let parents: Branch['parents'] = [];
  let failing: string | undefined;
  const awaited = new Set<string>();
  const times: number[] = [];
  const tell = (): void => {
    latest = Math.max(latest, now);
    times.push(now);
    lastUse.set(timeline, Math.max(lastUse.get(timeline) ?? 0, now));
  };
  for (const { kind, by } of events) {
    const all = [...state.bases, ...state.dumps];
    const chosen = all[by % Math.max(1, all.length)]?.group;
    const change = (some: { level?: number; pinned?: boolean }): void => {
      state.bases = state.bases.map((item) => (item.group === chosen ? { ...item, ...some } : item));
      state.dumps = state.dumps.map((item) => (item.group === chosen ? { ...item, ...some } : item));
    };
    const base = state.bases[by % Math.max(1, state.bases.length)];
    if (kind === 'await' && base) awaited.add(base.group);
    if (kind === 'pass') now += by * HOUR;
    if (kind === 'back') now -= by * HOUR;
    if (kind === 'fail') failing = 'base';
    if (kind === 'verify') change({ level: (by % 4) + 1 });
    if (kind === 'break') change({ level: -1 });
    if (kind === 'pin') change({ pinned: by % 3 > 0 });
    if (kind === 'wal') {
      for (let segment = 0; segment < by; segment++) {
        lsn += 1n;
        state.wal.push({ group: `wal/${timeline}/${lsn}`, timeline, end: lsn });
      }
      tell();
    }
    if (kind === 'base' || kind === 'incremental') {
      const parent = kind === 'base' ? undefined : state.bases.findLast((each) => each.timeline === timeline)?.group;
      const group = `base/${count++}`;
      state.bases.push(baseItem(group, { finishedAt: now, timeline, start: lsn, parent }));
      failing = undefined;
      tell();
    }
    if (kind === 'dump' || kind === 'config') {
      state.dumps.push({ group: `${kind}/${count++}`, kind, finishedAt: now, level: -1, pinned: false });
      latest = Math.max(latest, now);
      times.push(now);
    }
    if (kind.startsWith('restore') && state.bases.length > 0) {
      const begin = parents.at(-1)?.end ?? 9n;
      const left = lsn - BigInt(by) > begin ? lsn - BigInt(by) : lsn;
      parents = [...parents, { timeline, end: left }];
      timeline++;
      lsn = left;
      if (kind === 'restore') branches.push({ timeline, parents });
      tell();
    }
  }
  return { ...state, branches, lastUse, awaited, now, latest, silences: silencesOf(times), failing };
}

/** Another way to the same answer: walk from parent to child. */
function timelinesBehind(branches: readonly Branch[], { timeline, start }: BaseItem): Map<number, bigint> {
  const reached = new Map([[timeline, start]]);
  const described = new Set(branches.map((branch) => branch.timeline));
  for (let at = 1; at < 100; at++) {
    const parent = branches
      .find((branch) => branch.timeline === at)
      ?.parents.find((each) => each.timeline === timeline);
    if (parent && start < parent.end) reached.set(at, start);
    if (at > timeline && !described.has(at)) reached.set(at, start);
  }
  return reached;
}

function needed(state: RetentionState, of: BaseItem): string[] {
  const behind = timelinesBehind(state.branches, of);
  return state.wal
    .filter(({ timeline, end }) => behind.has(timeline) && end > (behind.get(timeline) ?? 0n))
    .map(({ group }) => group);
}

function renumbered(state: RetentionState, by: number): RetentionState {
  const moved = <T extends { timeline: number }>(item: T): T => ({ ...item, timeline: item.timeline + by });
  return {
    ...state,
    bases: state.bases.map(moved),
    wal: state.wal.map(moved),
    branches: state.branches.map((branch) => ({ ...moved(branch), parents: branch.parents.map(moved) })),
    lastUse: new Map([...state.lastUse].map(([timeline, at]) => [timeline + by, at])),
  };
}

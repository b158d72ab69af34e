import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import { chooseBase, type Base } from '../../../src/operator/backup/restore/choose-base.ts';
import type { RestoreTarget } from '../../../src/operator/backup/restore/target.ts';
import {
  isOnPath,
  parseHistory,
  pathTo,
  segmentsNeeded,
  timelineAt,
  type Timeline,
} from '../../../src/operator/backup/restore/timelines.ts';
import { formatWalFile, WalSegments } from '../../../src/operator/backup/names.ts';

const SEGMENTS = new WalSegments();

describe('a history file', () => {
  test('tells the way to a timeline', () => {
    const text = '1\t0/3000160\tno recovery target specified\n\n2\t0/5000000\tbefore 2026-11-22 14:03:00+00\n';
    expect(parseHistory(3, text)).toEqual([
      { timeline: 1, end: 0x3000160n },
      { timeline: 2, end: 0x5000000n },
    ]);
  });

  test.each(['1 nowhere\n', 'x\t0/1\ty\n', '3\t0/1\ty\n', '2\t0/5\ty\n1\t0/6\tz\n', '1\t0/5\ty\n2\t0/4\tz\n'])(
    'that Postgres would refuse is no history: %j',
    (text) => expect(parseHistory(3, text)).toBeUndefined(),
  );
});

/**
 * A cluster's life: commits one a second, now and then a base backup, now and then a restore to an earlier second
 * that is still in the archive. `truth` is what was in the database at each second.
 */
interface Life {
  readonly bases: Array<Base & { readonly holds: readonly number[] }>;
  readonly timelines: Timeline[];
  readonly truth: ReadonlyArray<readonly number[]>;
  /** Commits by their place, per timeline. */
  readonly wal: Map<number, Array<{ lsn: bigint; at: number }>>;
}

type Act = { readonly act: 'commit' | 'base' | 'undo' } | { readonly act: 'restore'; readonly back: number };

const acts = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.constant<Act>({ act: 'commit' }) },
    { weight: 2, arbitrary: fc.constant<Act>({ act: 'base' }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('restore' as const), back: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.constant<Act>({ act: 'undo' }) },
  ),
  { minLength: 5, maxLength: 120 },
);

/** Commit at second n on a timeline lies at some LSN; several seconds share a segment. */
function live(script: readonly Act[]): Life {
  const life: Life = {
    bases: [],
    timelines: [{ id: 1, ancestors: [], bornAt: 0 }],
    truth: [],
    wal: new Map([[1, []]]),
  };
  let [lsn, line, held] = [0x1000000n, 1, [] as readonly number[]];
  const truth: Array<readonly number[]> = [];
  const places: Array<{ lsn: bigint; line: number }> = [];
  /** Where the cluster was that the last restore replaced. */
  let replaced: { lsn: bigint; line: number; held: readonly number[] } | undefined;
  for (const step of script) {
    const second = truth.length;
    if (step.act === 'restore') {
      const to = Math.max(0, second - 1 - step.back);
      const [then, place] = [truth[to], places[to]];
      if (then && place) {
        const from = life.timelines.find(({ id }) => id === place.line);
        const id = life.timelines.length + 1;
        const ancestors = [...(from?.ancestors ?? []), { timeline: place.line, end: place.lsn }];
        life.timelines.push({ id, ancestors, bornAt: second * 1000 });
        life.wal.set(id, []);
        replaced = { lsn, line, held };
        [lsn, line, held] = [place.lsn, id, then];
      }
    } else if (step.act === 'base' || step.act === 'undo') {
      // An undo is followed by a backup at once.
      if (step.act === 'undo') {
        if (!replaced) continue;
        ({ lsn, line, held } = replaced);
        replaced = undefined;
      }
      const start = lsn;
      lsn += 0x100000n;
      life.bases.push({ label: `b${second}`, timeline: line, start, end: lsn, stoppedAt: second * 1000, holds: held });
    } else {
      lsn += 0x300000n;
      held = [...held, second];
      life.wal.get(line)?.push({ lsn, at: second });
    }
    truth.push(held);
    places.push({ lsn, line });
  }
  return Object.assign(life, { truth });
}

/** What Postgres would do: the base, then the commits of each stretch, up to and with the target. */
function replay(life: Life, base: Life['bases'][number], line: Timeline, at: number): number[] {
  const found = pathTo(line).flatMap((part) =>
    (life.wal.get(part.timeline) ?? [])
      .filter(({ lsn }) => lsn > base.end && lsn > part.begin && (part.end === undefined || lsn <= part.end))
      .map((commit) => commit.at),
  );
  const stop = found.findIndex((second) => second > at);
  return [...base.holds, ...(stop === -1 ? found : found.slice(0, stop))];
}

/** As if each commit were told by itself. */
function rangesOf({ wal }: Life): Array<{ timeline: number; lastCommit: number }> {
  return [...wal].flatMap(([timeline, commits]) => commits.map(({ at }) => ({ timeline, lastCommit: at * 1e6 })));
}

/** What a restore to that second gives; `refused` when the choice says that it cannot be reached. */
function reached(life: Life, at: number): number[] | 'refused' {
  try {
    const target = { kind: 'time', micros: at * 1_000_000 } as const;
    const { base, timeline } = chooseBase(life.bases, life.timelines, { target, ranges: rangesOf(life) });
    return replay(life, base, timeline, at);
  } catch (error) {
    if (error instanceof VectabaseError && error.code === 'BACKUP_MISSING') return 'refused';
    throw error;
  }
}

describe('the choice of a base', () => {
  test('leads to what was there at any second since the first base, across restores', () => {
    fc.assert(
      fc.property(acts, (script) => {
        const life = live(script);
        for (const [at, wanted] of life.truth.entries()) {
          const bases = life.bases.map((each) => ({ timeline: each.timeline, at: each.stoppedAt }));
          const written = rangesOf(life).map((each) => ({ timeline: each.timeline, at: each.lastCommit / 1000 }));
          const signs = [...bases, ...written];
          const line = timelineAt(life.timelines, signs, at * 1000);
          const path = line ? pathTo(line) : [];
          const any = life.bases.some((each) => each.stoppedAt <= at * 1000 && isOnPath(path, each.timeline, each.end));
          expect(reached(life, at)).toEqual(any ? wanted : 'refused');
        }
      }),
      { numRuns: 300 },
    );
  });

  const base = (label: string, minute: number, end: bigint): Base => ({
    label,
    timeline: 1,
    start: end - 0x28n,
    end,
    stoppedAt: minute * 60_000,
  });
  const [one, two] = [base('one', 10, 0x3000000n), base('two', 20, 0x9000000n)];
  const lines: Timeline[] = [{ id: 1, ancestors: [], bornAt: 0 }];

  test('is on the line that an undo went back to, as soon as its WAL tells of it', () => {
    const restored: Timeline[] = [
      ...lines,
      { id: 2, ancestors: [{ timeline: 1, end: 0x4000000n }], bornAt: 20 * 60_000 },
    ];
    const ranges = [
      { timeline: 1, lastCommit: 19 * 60e6 },
      { timeline: 2, lastCommit: 25 * 60e6 },
      { timeline: 1, lastCommit: 40 * 60e6 },
    ];
    const line = (target: RestoreTarget, told = ranges): number =>
      chooseBase([one], restored, { target, ranges: told }).timeline.id;
    expect(line({ kind: 'latest' })).toBe(1);
    expect(line({ kind: 'latest' }, ranges.slice(0, 2))).toBe(2);
    const minutes = [15, 21, 26, 41].map((minute) => line({ kind: 'time', micros: minute * 60e6 }));
    expect(minutes).toEqual([1, 2, 2, 1]);
  });

  test('takes none that ends after the target, and the newest before it', () => {
    const choose = (minute: number): string =>
      chooseBase([two, one], lines, { target: { kind: 'time', micros: minute * 60e6 } }).base.label;
    expect(choose(20)).toBe('two');
    expect(choose(19.999)).toBe('one');
    expect(() => choose(9.999)).toThrow(expect.objectContaining({ code: 'BACKUP_MISSING' }));
    const lsn = (at: bigint): string => chooseBase([two, one], lines, { target: { kind: 'lsn', lsn: at } }).base.label;
    expect(lsn(0x8ffffffn)).toBe('one');
    expect(lsn(0x9000000n)).toBe('two');
  });

  test('a target before the window is told the first moment in it', () => {
    const target = { kind: 'time', micros: 0 } as const;
    expect(() => chooseBase([two, one], lines, { target })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("--pitr '1970-01-01 00:10:00+00'") as string }),
    );
  });
});

describe('the segments that a replay needs', () => {
  test('are every one from the base to the target, each of the newest timeline that has it', () => {
    const path = pathTo({
      id: 3,
      ancestors: [
        { timeline: 1, end: 0x2800000n },
        { timeline: 2, end: 0x4000000n },
      ],
      bornAt: 0,
    });
    const needed = [...segmentsNeeded(path, 0x1000028n, 0x5000100n, SEGMENTS)];
    expect(needed.map(formatWalFile)).toEqual([
      '000000010000000000000001',
      '000000020000000000000002',
      '000000020000000000000003',
      '000000030000000000000004',
      '000000030000000000000005',
    ]);
  });

  test('have no hole, and never go back to an older timeline', () => {
    const lsns = fc.array(fc.bigInt({ min: 0n, max: 0x4_0000_0000n }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(lsns, (unsorted) => {
        const sorted = unsorted.toSorted((a, b) => (a < b ? -1 : 1));
        const [from = 0n, to = 0n] = [sorted[0], sorted.at(-1)];
        const ancestors = sorted.slice(1, -1).map((end, index) => ({ timeline: index + 1, end }));
        const path = pathTo({ id: ancestors.length + 1, ancestors, bornAt: 0 });
        const needed = [...segmentsNeeded(path, from, to, SEGMENTS)];
        expect(needed[0]?.number).toEqual(SEGMENTS.at(from));
        expect(needed.at(-1)?.number).toEqual(SEGMENTS.at(to));
        for (const [index, { number, timeline }] of needed.entries()) {
          const before = needed[index - 1];
          if (before === undefined) continue;
          expect(number).toEqual(SEGMENTS.next(before.number));
          expect(timeline).toBeGreaterThanOrEqual(before.timeline);
        }
      }),
    );
  });
});

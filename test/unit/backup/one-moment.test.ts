import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import type { CataloguedWal } from '../../../src/operator/backup/restore/archive-view.ts';
import { chooseBase, type Base } from '../../../src/operator/backup/restore/choose-base.ts';
import { assertOneMoment } from '../../../src/operator/backup/restore/one-moment.ts';

const LINES = [{ id: 1, ancestors: [], bornAt: 0 }];
const base = (label: string, minute: number, end: bigint): Base => ({
  label,
  timeline: 1,
  start: end - 1n,
  end,
  stoppedAt: minute * 60_000,
});
const wal = (minute: number, start: bigint, end: bigint): CataloguedWal => ({
  timeline: 1,
  start,
  end,
  lastCommit: minute * 60e6,
});

function planned(bases: readonly Base[], ranges: readonly CataloguedWal[], minute: number): Base {
  const target = { kind: 'time', micros: minute * 60e6 } as const;
  const choice = chooseBase(bases, LINES, { target });
  assertOneMoment({ bases, ranges }, target, choice);
  return choice.base;
}

function unlessRefused(choose: () => Base): Base | undefined {
  try {
    return choose();
  } catch (error) {
    if (error instanceof VectabaseError) return undefined;
    throw error;
  }
}

const [A, B] = [base('A', 0, 100n), base('B', 10, 900n)];
const forth = [wal(30, 100n, 400n), wal(60, 400n, 800n)];

test.each<[string, Base[], CataloguedWal[], number, string]>([
  ['a base behind a step back', [A, B], forth, 30.5, "A --pitr '1970-01-01 00:30:30+00'"],
  ['and the other passage by its base', [A, B], forth, 30.5, "B --pitr '1970-01-01 00:30:30+00'"],
  ['a step back with no base behind it', [A], [...forth, wal(40, 800n, 1000n)], 45, '--lsn 0/3E8'],
])('%s is refused, with both ways', (_, bases, ranges, minute, way) => {
  expect(() => planned(bases, ranges, minute)).toThrow(
    expect.objectContaining({ code: 'RESTORE_UNREACHABLE', hint: expect.stringContaining(way) as string }),
  );
});

test.each([
  ['before the step back reached to', 5, 'A'],
  ['after all of it', 61, 'B'],
])('a moment %s is one', (_, minute, label) => {
  expect(planned([A, B], forth, minute).label).toBe(label);
});

test('no base that is taken holds a commit that is later than the target, wherever the clock went', () => {
  const steps = fc.array(fc.record({ by: fc.integer({ min: -90, max: 60 }), base: fc.boolean() }), { maxLength: 40 });
  let taken = 0;
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 600 }), (script, target) => {
      let [now, lsn] = [100, 100n];
      const bases = [base('0', now, lsn)];
      const ranges: CataloguedWal[] = [];
      for (const step of script) {
        now = Math.max(1, now + step.by);
        if (step.base) bases.push(base(String(bases.length), now, ++lsn));
        else ranges.push(wal(now, lsn, (lsn += 10n)));
      }
      const chosen = unlessRefused(() => planned(bases, ranges, target));
      if (chosen === undefined) return;
      taken++;
      const later = ranges.filter(({ end, lastCommit = 0 }) => end <= chosen.end && lastCommit > target * 60e6);
      expect(later).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
  expect(taken).toBeGreaterThan(50);
});

test('a clock that only goes forward is never refused', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(60), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 600 }),
      (steps, target) => {
        let [now, lsn] = [0, 100n];
        const bases = [base('0', now, lsn)];
        const ranges: CataloguedWal[] = [];
        for (const by of steps) {
          now += by;
          if (by % 3 === 0) bases.push(base(String(bases.length), now, ++lsn));
          else ranges.push(wal(now, lsn, (lsn += 10n)));
        }
        expect(planned(bases, ranges, target).stoppedAt).toBeLessThanOrEqual(target * 60_000);
      },
    ),
  );
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stuckArchive } from '../../../src/operator/backup/archive/backlog.ts';
import { measuresAt, pressureOf, type Pressure } from '../../../src/operator/backup/archive/pressure.ts';

const LEVELS: readonly Pressure[] = ['full', 'tight', 'low', 'ok'];
const level = fc.constantFrom(...LEVELS);
const at = (percent: number, before: Pressure = 'ok'): Pressure => pressureOf({ free: percent, total: 100 }, before);

describe('a disk that fills', () => {
  test('is low at 20, tight at 10 and full at 5 percent', () => {
    expect([100, 20.1, 20, 10.1, 10, 5.1, 5, 0].map((percent) => at(percent))).toEqual([
      'ok',
      'ok',
      'low',
      'low',
      'tight',
      'tight',
      'full',
      'full',
    ]);
  });

  test('does not flutter at an edge', () => {
    expect([at(5, 'tight'), at(6, 'full'), at(7.1, 'full')]).toEqual(['full', 'full', 'tight']);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 100, noNaN: true }), level, (percent, before) => {
        const now = at(percent, before);
        return at(percent, now) === now;
      }),
    );
  });

  test('gets only worse with less, and asks for no less than before', () => {
    const percent = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(percent, percent, level, (one, other, before) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        return LEVELS.indexOf(at(less, before)) <= LEVELS.indexOf(at(more, before));
      }),
    );
    expect(LEVELS.map((each) => measuresAt(each, false))).toEqual([
      { freeBallast: false, makeBallast: false, giveWay: true },
      { freeBallast: false, makeBallast: false, giveWay: false },
      { freeBallast: false, makeBallast: true, giveWay: false },
      { freeBallast: false, makeBallast: true, giveWay: false },
    ]);
    // The ballast goes first, and nothing gives way before it went.
    expect(measuresAt('full', true)).toEqual({
      freeBallast: true,
      makeBallast: false,
      giveWay: false,
    });
  });
});

test('an archive that does not move is told of after a quarter of an hour, or at 64 files', () => {
  const MINUTE = 60_000;
  const backlog = { waiting: 1, archivedAt: 20 * MINUTE, failedAt: undefined };
  expect(stuckArchive(backlog, 0, 34 * MINUTE)).toBeUndefined();
  expect(stuckArchive(backlog, 0, 35 * MINUTE)).toBe('nothing was archived for 15 minutes');
  expect(stuckArchive({ ...backlog, waiting: 0 }, 0, 99 * MINUTE)).toBeUndefined();
  // Nothing since the last release is no news to a daemon that has just begun.
  expect(stuckArchive(backlog, 90 * MINUTE, 99 * MINUTE)).toBeUndefined();
  expect(stuckArchive({ ...backlog, waiting: 64 }, 0, 21 * MINUTE)).toBe('64 files of WAL wait in pg_wal');
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutPoints } from '../../../src/operator/migrate/plan/split.ts';

describe('cut points of a histogram', () => {
  test('are evenly spaced inner bounds', () => {
    expect(cutPoints(['0', '10', '20', '30', '40', '50', '60', '70', '80'], 4)).toEqual(['20', '40', '60']);
  });

  test('every value of the key falls into exactly one part, whatever the bounds', () => {
    const bounds = fc
      .array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 120 })
      .map((list) => list.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(bounds, fc.integer({ min: 2, max: 64 }), (sorted, count) => {
        const cuts = cutPoints(sorted.map(String), count).map(Number);
        expect(cuts.length).toBeLessThan(count);
        expect(sorted).toEqual(expect.arrayContaining(cuts));
        for (let value = -60; value <= 60; value += 1) {
          const parts = [...cuts, null].filter((upper, index) => {
            const lower = index === 0 ? null : (cuts[index - 1] ?? null);
            return (lower === null || value >= lower) && (upper === null || value < upper);
          });
          expect(parts).toHaveLength(1);
        }
      }),
    );
  });

  test('a histogram of many different bounds gives all the parts asked for, of like size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), fc.integer({ min: 64, max: 100 }), (count, buckets) => {
        const cuts = cutPoints(
          Array.from({ length: buckets + 1 }, (_, index) => String(index)),
          count,
        ).map(Number);
        expect(cuts).toHaveLength(count - 1);
        const sizes = [...cuts, buckets].map((cut, index) => cut - (cuts[index - 1] ?? 0));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
      }),
    );
  });

  test('nothing to cut at gives no cuts', () => {
    expect(cutPoints([], 8)).toEqual([]);
    expect(cutPoints(['7', '7', '7', '7'], 8)).toEqual(['7']);
  });
});

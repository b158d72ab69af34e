import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeThrottle } from '../../../src/operator/migrate/rows/throttle.ts';

const schedules = fc.record({
  rate: fc.integer({ min: 1000, max: 50_000_000 }),
  /** Milliseconds that pass, then bytes that are asked for; several workers may ask at the same instant. */
  asks: fc.array(
    fc.tuple(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4000 })), fc.integer({ min: 1, max: 262_144 })),
    { minLength: 1, maxLength: 60 },
  ),
});

/** When each ask may hand its bytes on. */
function release(
  rate: number,
  asks: ReadonlyArray<readonly [number, number]>,
): Array<{ asked: number; at: number; bytes: number }> {
  let now = 1_000_000;
  const throttle = makeThrottle(rate, { now: () => now });
  return asks.map(([passed, bytes]) => {
    now += passed;
    return { asked: now, at: now + throttle.take(bytes), bytes };
  });
}

describe('one budget for all copies', () => {
  test('no window of any schedule passes more than its time allows, a second of burst and the chunk that opens it', () => {
    fc.assert(
      fc.property(schedules, ({ rate, asks }) => {
        const released = release(rate, asks);
        for (const [from, first] of released.entries()) {
          let bytes = 0;
          for (const last of released.slice(from)) {
            bytes += last.bytes;
            const allowed = (rate * (last.at - first.at)) / 1000 + Math.max(rate, first.bytes);
            expect(bytes).toBeLessThanOrEqual(allowed + rate / 1000 + 1e-3);
          }
        }
      }),
    );
  });

  test('nobody waits longer than the bytes before and with them take', () => {
    fc.assert(
      fc.property(schedules, ({ rate, asks }) => {
        let bytes = 0;
        for (const each of release(rate, asks)) {
          bytes += each.bytes;
          // One more: the throttle adds up fractions, this divides their sum, and both round up.
          expect(each.at - each.asked).toBeLessThanOrEqual(Math.ceil((bytes / rate) * 1000) + 1);
        }
      }),
    );
  });

  test('sustains the rate it was given', () => {
    const asks = Array.from({ length: 200 }, () => [0, 10_000] as const);
    const last = release(1_000_000, asks).at(-1);
    expect(last?.at).toBe(1_000_000 + 2000);
  });

  test('saves up one second while idle, not more', () => {
    const [, ...burst] = release(1000, [
      [0, 1000],
      [60_000, 500],
      [0, 500],
      [0, 500],
    ]);
    expect(burst.map(({ asked, at }) => at - asked)).toEqual([0, 0, 500]);
  });

  test('without a rate nothing waits', () => {
    expect(makeThrottle(null, { now: () => 0 }).take(2 ** 40)).toBe(0);
  });
});

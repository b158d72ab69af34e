import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inOrder } from '../../../src/foundation/core/in-order.ts';

test('gives results in the order of what went in, and works on no more at once than it may', async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(delays, fc.integer({ min: 1, max: 5 }), async (waits, atOnce) => {
      let [working, most] = [0, 0];
      const given: number[] = [];
      const results = inOrder(waits.entries(), atOnce, async ([index, wait]) => {
        most = Math.max(most, ++working);
        await sleep(wait);
        working--;
        return index;
      });
      for await (const each of results) given.push(each);
      expect(given).toEqual([...waits.keys()]);
      expect(most).toBe(Math.min(atOnce, waits.length));
    }),
    { numRuns: 30 },
  );
});

test('fails in turn, and waits for what was begun before it is over', async () => {
  const ended: number[] = [];
  const given: number[] = [];
  const results = inOrder([0, 1, 2, 3], 3, async (each) => {
    await sleep(each === 1 ? 0 : 30);
    ended.push(each);
    if (each === 1) throw new Error('no');
    return each;
  });
  const reading = (async () => {
    for await (const each of results) given.push(each);
  })();
  await expect(reading).rejects.toThrow('no');
  expect(given).toEqual([0]);
  expect(new Set(ended)).toEqual(new Set([0, 1, 2, 3]));
});

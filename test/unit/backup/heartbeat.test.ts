import { expect, test, vi } from 'vitest';
import { parseDatabaseUrl } from '../../../src/foundation/postgres/address.ts';
import { keepBeating } from '../../../src/operator/backup/archive/heartbeat.ts';

const waited = vi.hoisted((): number[] => []);
vi.mock(import('../../../src/foundation/core/sleep.ts'), () => ({
  sleep: async (ms: number) => void waited.push(ms),
}));

test('a commit a minute is tried for as long as it is not stopped, whether or not the last one worked', async () => {
  const stop = new AbortController();
  const reasons: string[] = [];
  await keepBeating({
    address: parseDatabaseUrl('postgresql://nobody@127.0.0.1:1/none'),
    beat: () => undefined,
    failed: (reason) => {
      if (reasons.push(reason) === 3) stop.abort();
    },
    signal: stop.signal,
  });
  expect(reasons).toHaveLength(3);
  expect(waited).toHaveLength(3);
  expect(Math.max(...waited)).toBeLessThanOrEqual(60_000);
});

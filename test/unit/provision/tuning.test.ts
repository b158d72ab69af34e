import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tunedSettings } from '../../../src/operator/provision/tuning.ts';

const MB = 1024 ** 2;
const GB = 1024 ** 3;
const megabytes = (text: string | undefined): number => Number(/^(\d+)MB$/.exec(text ?? '')?.[1]);

test.each([
  [1 * GB, '128MB'],
  [2 * GB, '384MB'],
  [4 * GB, '896MB'],
  [16 * GB, '4096MB'],
  [128 * GB, '8192MB'],
])('%d bytes of RAM give %s of shared buffers', (memoryBytes, expected) => {
  expect(tunedSettings({ memoryBytes, diskBytes: 100 * GB, cores: 2, platform: 'linux' }).shared_buffers).toBe(
    expected,
  );
});

test('on any machine, everything fits into its memory and its disk', () => {
  fc.assert(
    fc.property(fc.integer({ min: 512, max: 2_000_000 }), fc.integer({ min: 5, max: 50_000 }), (ram, disk) => {
      const settings = tunedSettings({ memoryBytes: ram * MB, diskBytes: disk * GB, cores: 64, platform: 'linux' });
      expect(megabytes(settings.shared_buffers)).toBeGreaterThanOrEqual(32);
      expect(megabytes(settings.shared_buffers)).toBeLessThanOrEqual(ram / 4);
      expect(megabytes(settings.work_mem)).toBeGreaterThanOrEqual(4);
      expect(megabytes(settings.max_wal_size)).toBeLessThanOrEqual((disk * 1024) / 10 + 1);
      expect(megabytes(settings.min_wal_size)).toBeLessThan(megabytes(settings.max_wal_size));
    }),
  );
});

test('macOS gets the only value of effective_io_concurrency that Postgres takes there', () => {
  const machine = { memoryBytes: 8 * GB, diskBytes: 100 * GB, cores: 2 };
  expect(tunedSettings({ ...machine, platform: 'darwin' }).effective_io_concurrency).toBe('0');
  expect(tunedSettings({ ...machine, platform: 'linux' }).effective_io_concurrency).toBe('200');
});

test.each([
  [2, undefined, undefined],
  [4, '4', '2'],
  [6, '6', '3'],
  [32, '32', '4'],
])('%d cores let %s workers run, %s for one query', (cores, workers, gather) => {
  const settings = tunedSettings({ memoryBytes: 8 * GB, diskBytes: 100 * GB, cores, platform: 'linux' });
  expect([settings.max_parallel_workers, settings.max_parallel_workers_per_gather]).toEqual([workers, gather]);
});

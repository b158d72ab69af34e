import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import { parseSize, toChoices } from '../../../src/operator/migrate/choices.ts';
import { DEFAULT_CHOICES } from '../../../src/operator/migrate/options.ts';

describe('sizes', () => {
  test.each([
    ['1', 1],
    ['512k', 512 * 1024],
    ['20MB', 20 * 1024 ** 2],
    ['20 mb', 20 * 1024 ** 2],
    ['1GiB', 1024 ** 3],
    ['1.5kB', 1536],
    ['20MB/s', 20 * 1024 ** 2],
    ['  7b ', 7],
  ])('%j is %i bytes', (text, bytes) => {
    expect(parseSize(text, '--max-rate')).toBe(bytes);
  });

  test.each([
    '',
    '0',
    '0MB',
    '0.2b',
    '-1',
    '1e3',
    '1,5MB',
    'fast',
    'MB',
    '5tb',
    '5constructor',
    '5 apples',
    '٣MB',
    `${'9'.repeat(400)}GB`,
  ])('%j is refused by the name of its flag', (text) => {
    expect(() => parseSize(text, '--max-rate')).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('--max-rate') }),
    );
  });

  test('whatever is typed gives whole bytes or a usage error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{1,12} ?[a-zA-Z]{0,4}$/)), (text) => {
        expect(sizeOrCode(text)).toSatisfy(
          (size: unknown) => size === 'USAGE' || (Number.isSafeInteger(size) && Number(size) >= 1),
        );
      }),
    );
  });

  test('units are multiples of 1024', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8000 }),
        fc.constantFrom(['kB', 1], ['MB', 2], ['GiB', 3] as const),
        (number, [unit, power]) => {
          expect(parseSize(`${number}${unit}`, '--split-above')).toBe(number * 1024 ** power);
        },
      ),
    );
  });
});

describe('flags as choices', () => {
  test('no flags: the defaults', () => {
    expect(toChoices({})).toEqual(DEFAULT_CHOICES);
  });

  test('--jobs counts for indexes too, unless they have their own', () => {
    expect(toChoices({ jobs: 6 })).toMatchObject({ jobs: 6, buildJobs: 6 });
    expect(toChoices({ jobs: 6, 'build-jobs': 1 })).toMatchObject({ jobs: 6, buildJobs: 1 });
  });

  test('--split-above off never splits; --no-verify and globs pass through', () => {
    expect(
      toChoices({ 'split-above': 'off', verify: false, only: ['public.*'], skip: ['view public.v'] }),
    ).toMatchObject({
      splitAbove: null,
      verify: false,
      only: ['public.*'],
      skip: ['view public.v'],
    });
    expect(toChoices({ 'split-above': '64MB', 'max-rate': '5MB' })).toMatchObject({
      splitAbove: 64 * 1024 ** 2,
      maxRate: 5 * 1024 ** 2,
    });
  });
});

function sizeOrCode(text: string): unknown {
  try {
    return parseSize(text, '--max-rate');
  } catch (error) {
    return error instanceof VectabaseError ? error.code : error;
  }
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesAny } from '../../../src/operator/migrate/plan/globs.ts';

describe('globs of tables', () => {
  test.each([
    ['public.sales', 'public.sales', true],
    ['public.sales', 'public.sales_2024', false],
    ['public.sales', 'xpublic.sales', false],
    ['public.sales*', 'public.sales_2024', true],
    ['public', 'public.sales', true],
    ['public', 'public2.sales', false],
    ['pub*', 'public.sales', true],
    ['*', 'public.sales', true],
    ['*.sales', 'shop.sales', true],
    ['*.sales', 'shop.salesx', false],
    ['publicXsales', 'public.sales', false],
    ['public.s?les', 'public.sales', false],
    ['public.Sales', 'public.sales', false],
    ['public.*', 'public.two\nlines', true],
  ])('%j on %j: %s', (glob, name, expected) => {
    expect(matchesAny([glob], name)).toBe(expected);
  });

  test('no glob matches nothing, one of several is enough', () => {
    expect(matchesAny([], 'public.sales')).toBe(false);
    expect(matchesAny(['auth.*', 'public.sales'], 'public.sales')).toBe(true);
  });

  test('a glob with a dot means what a plain wildcard matcher means, whatever else is in it', () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '*', '\\', '$', '^', '(', ')', '[', '+', '?', '|', '\n', 'é'),
      maxLength: 10,
    });
    fc.assert(
      fc.property(letters, letters, (pattern, name) => {
        const glob = `${pattern}.`;
        expect(matchesAny([glob], `${name}.`)).toBe(wildcard(Array.from(glob), Array.from(`${name}.`)));
      }),
      { numRuns: 2000 },
    );
  });
});

function wildcard(glob: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return name.length === 0;
  if (first === '*') return wildcard(rest, name) || (name.length > 0 && wildcard(glob, name.slice(1)));
  return name[0] === first && wildcard(rest, name.slice(1));
}

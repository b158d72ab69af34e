import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nestsDeeper } from '../../../src/foundation/core/json-depth.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('agrees with the depth of what is parsed, whatever stands in texts', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[\\"[\]{}]{0,12}$/));
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 6 },
      fc.integer(),
      text,
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(text, tie('json'), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(json, fc.nat(8), (value, levels) => {
      expect(nestsDeeper(JSON.stringify(value), levels)).toBe(depthOf(value) > levels);
    }),
  );
});

test('stops at the first level too many, and reads on to the end of what never ends', () => {
  expect(nestsDeeper('['.repeat(1_001), 1_000)).toBe(true);
  expect(nestsDeeper('['.repeat(1_000), 1_000)).toBe(false);
  for (const text of ['"', '"\\', '"\\"', `"${'['.repeat(50)}`]) expect(nestsDeeper(text.padEnd(20), 3)).toBe(false);
});

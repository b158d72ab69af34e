import { expect, test } from 'vitest';
import { comparisonLines, shownCopy } from '../../../src/cli/render/copy-lines.ts';

const COMPARED = {
  with: '20261122T030000Z',
  at: '2026-11-22T03:00:00.000Z',
  tables: 12,
  same: 4,
  missing: ['shop.public.orders'],
  emptied: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `shop.public.${name}`),
};
const COPY = {
  target: '2026-11-22 14:03:00+00',
  backup: '20261122T020000Z',
  lsn: '0/5000060',
  lastCommit: '2026-11-22 14:02:59.1+00',
  nextCommit: null,
  databases: [{ database: 'shop', tables: 12, rows: 3_000, checkedIndexes: 200 }],
  bytes: 30_000_000,
  restoreMs: 2_000,
  replayMs: 1_000,
  ms: 4_000,
};

test('a copy in which tables are gone or empty says which, above the question', () => {
  const shown = shownCopy({ ...COPY, compared: COMPARED });
  expect(shown).toContain('4 of 12 tables with as many rows');
  expect(shown).toContain('! tables of the dump that the copy has not (1):\n    shop.public.orders\n');
  expect(shown).toMatch(
    /! tables with rows in the dump and none in the copy \(7\):\n +shop\.public\.a, .*public\.e, and 2 more/,
  );
});

test('without a dump, and with one that is the same, nothing is warned of', () => {
  expect(comparisonLines(null)).toEqual([]);
  expect(comparisonLines({ ...COMPARED, same: 12, missing: [], emptied: [] }).join()).not.toContain('!');
  expect(shownCopy({ ...COPY, compared: null })).not.toContain('dump');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { postgresLines } from '../../../src/operator/provision/conf-text.ts';
import { overriddenBy } from '../../../src/operator/provision/install/postgres/auto-conf.ts';

test.each([
  ["work_mem = '8MB'", "work_mem = '4MB'", [{ name: 'work_mem', value: '8MB' }]],
  ["work_mem = '4MB'", "work_mem = '4MB'", []],
  ["other = '4MB'", "work_mem = '4MB'", []],
  ["# work_mem = '8MB'", "work_mem = '4MB'", []],
  ["work_mem = '8MB'\nwork_mem = '4MB'", 'work_mem = 4MB # as ever', []],
  ["WORK_MEM '8MB'", 'work_mem = 4MB', [{ name: 'work_mem', value: '8MB' }]],
  ["a.b = 'it''s'", "a.b = 'its'", [{ name: 'a.b', value: "it's" }]],
])('%j over %j', (auto, ours, expected) => {
  expect(overriddenBy(auto, ours)).toEqual(expected);
});

test('reads back whatever value is written', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme-ascii' }).filter((text) => !text.includes('\n')),
      (value) => {
        const [line = ''] = postgresLines({ archive_command: value });
        expect(overriddenBy(line, "archive_command = 'no such value'")).toEqual([{ name: 'archive_command', value }]);
      },
    ),
  );
});

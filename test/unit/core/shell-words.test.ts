import path from 'node:path';
import { expect, test } from 'vitest';
import { targetWords } from '../../../src/foundation/core/shell-words.ts';

test('the next command is led to the installation that this one worked on', () => {
  for (const dir of ['.vectabase', './.vectabase/', path.resolve('.vectabase')]) expect(targetWords({ dir })).toBe('');
  expect(targetWords({ dir: '/srv/shop/.vectabase' })).toBe(' --dir /srv/shop/.vectabase');
  expect(targetWords({ dir: 'my shop', 'target-file': 't.url' })).toBe(` --dir 'my shop' --target-file t.url`);
});

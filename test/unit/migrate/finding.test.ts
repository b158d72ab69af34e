import { expect, test } from 'vitest';
import { count as counted } from '../../../src/foundation/core/numbers.ts';
import { count } from '../../../src/operator/migrate/preflight/finding.ts';

test('one has and many have', () => {
  expect(count(1, 'user', 'has', 'have')).toBe('1 user has');
  expect(count(1200, 'user', 'has', 'have')).toBe('1,200 users have');
  expect(count(2, 'cron job')).toBe('2 cron jobs');
  expect(counted(2, 'default privileges')).toBe('2 default privileges');
  expect(counted(2, 'index')).toBe('2 indexes');
});

import { describe, expect, test } from 'vitest';
import { withResources } from '../../../src/foundation/core/release.ts';

describe('withResources', () => {
  test('releases in reverse order, after the body', async () => {
    const events: string[] = [];
    const result = await withResources(async (scope) => {
      const pool = scope.add('pool', (name) => events.push(`close ${name}`));
      scope.add('client', async (name) => events.push(`close ${name}`));
      events.push(`use ${pool}`);
      return Promise.resolve(42);
    });
    expect(result).toBe(42);
    expect(events).toEqual(['use pool', 'close client', 'close pool']);
  });

  test('runs every release even when one fails, and tells the first failure', async () => {
    const events: string[] = [];
    const running = withResources((scope) => {
      scope.add('a', () => events.push('a'));
      scope.add('b', () => Promise.reject(new Error('b stuck')));
      scope.add('c', () => {
        throw new Error('c stuck');
      });
      return Promise.resolve();
    });
    await expect(running).rejects.toThrow('c stuck');
    expect(events).toEqual(['a']);
  });

  test("the body's error wins over a release that fails", async () => {
    const running = withResources((scope) => {
      scope.add('a', () => Promise.reject(new Error('stuck')));
      return Promise.reject(new Error('the reason'));
    });
    await expect(running).rejects.toThrow('the reason');
  });
});

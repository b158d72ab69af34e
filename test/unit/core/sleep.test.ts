import { expect, test } from 'vitest';
import { sleep } from '../../../src/foundation/core/sleep.ts';

test('sleep ends at once when its signal aborts, before or during', async () => {
  await expect(sleep(60_000, AbortSignal.abort(new Error('stop')))).rejects.toMatchObject({ name: 'AbortError' });
  const controller = new AbortController();
  const sleeping = sleep(60_000, controller.signal);
  controller.abort(new Error('stop'));
  await expect(sleeping).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'stop' } });
});

import { sleep } from '../../src/foundation/core/sleep.ts';

/** Waits for something to come to pass, at most two minutes: alerts are looked at once in one. */
export async function until(done: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  for (const end = Date.now() + seconds * 1_000; !(await done()); await sleep(50)) {
    if (Date.now() > end) throw new Error(`it did not come to pass in ${seconds} s: ${String(done)}`);
  }
}

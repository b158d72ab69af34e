import { sleep } from '../core/sleep.ts';

/** Milliseconds before the second, third and fourth attempt. */
const WAITS = [100, 500, 2_000];

/** Tries again what failed for reasons that pass. */
export async function retried<T>(
  work: () => Promise<T>,
  { mayRetry, signal }: { mayRetry: (error: unknown) => boolean; signal: AbortSignal | undefined },
): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted || !mayRetry(error)) throw error;
      await sleep(wait, signal);
    }
  }
  return work();
}

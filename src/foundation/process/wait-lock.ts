import { VectabaseError } from '../core/errors.ts';
import { sleep } from '../core/sleep.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';

/** Milliseconds that one waits for others, who hold such a lock for some milliseconds each. */
const PATIENCE = 20_000;

/**
 * Runs `body` while nobody else does who takes the same lock, in this process or in others of this machine. Waits for
 * its turn; a holder that died loses the lock by itself.
 *
 * @throws VectabaseError LOCK_HELD when it did not become free in 20 seconds
 */
export async function withLock<T>(prefix: string, body: () => Promise<T>): Promise<T> {
  const lock = await waitForLock(prefix);
  try {
    return await body();
  } finally {
    await lock.release();
  }
}

async function waitForLock(prefix: string): Promise<DirectoryLock> {
  for (const end = Date.now() + PATIENCE; ; await sleep(5 + Math.random() * 20)) {
    try {
      return await lockDirectory(prefix, Date.now(), { mode: 0o644 });
    } catch (error) {
      const held = error instanceof VectabaseError && error.code === 'LOCK_HELD';
      if (!held || Date.now() > end) throw error;
    }
  }
}

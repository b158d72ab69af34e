import { availableParallelism } from 'node:os';
import { BCRYPT_COST, hashPassword, parsePasswordHash, verifyPassword } from '../../foundation/crypto/password-hash.ts';
import type { Passwords } from './context.ts';
import { unavailable } from './errors.ts';

interface Options {
  /** Hashes worked on at once. One core stays with everyone who is not signing in. */
  readonly workers?: number;
  /** Hashes that may wait. */
  readonly queue?: number;
  /** Lower in tests alone. */
  readonly cost?: number;
}

/** For each worker: a minute at a quarter second each. Proxies give up then, and so do people. */
const QUEUE = 240;

/** Hashes off the event loop, a few at a time, and refuses with 503 what would wait too long. */
export function makePasswords(options: Options = {}): Passwords {
  const { workers = Math.max(1, availableParallelism() - 1), queue = workers * QUEUE, cost = BCRYPT_COST } = options;
  const turn = makeTurnstile(workers, queue);
  return {
    hash: (password) => turn(() => hashPassword(password, cost)),
    verify: (stored, password) =>
      turn(async () => {
        const hash = parsePasswordHash(stored ?? '');
        const ok = await verifyPassword(stored ?? '', password);
        const done = hash.kind === 'bcrypt' ? hash.cost : undefined;
        if (!ok) await spendTheRest(password, hash.kind === 'other' ? undefined : (done ?? cost), cost);
        return { ok, weak: done === undefined || done < cost };
      }),
  };
}

/**
 * A refusal costs what a check at full cost does, so that its time does not tell which accounts exist. bcrypt's work
 * doubles with each step of the cost: rounds at c, c+1, … 11 add up to what a check at c lacks to one at 12.
 *
 * @param spent cost of the check that was made, undefined for none
 */
async function spendTheRest(password: string, spent: number | undefined, full: number): Promise<void> {
  const words = password.slice(0, 18); // four bytes at most for each: never beyond 72
  if (spent === undefined) await hashPassword(words, full);
  else for (let cost = spent; cost < full; cost++) await hashPassword(words, cost);
}

type Turn = <T>(work: () => Promise<T>) => Promise<T>;

function makeTurnstile(workers: number, queue: number): Turn {
  const waiting: Array<() => void> = [];
  let busy = 0;
  return async (work) => {
    if (busy >= workers) {
      if (waiting.length >= queue) throw unavailable('Too many sign-ins at once; try again');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else busy++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else busy--;
    }
  };
}

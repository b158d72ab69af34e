import { availableParallelism } from 'node:os';
import { sleep } from '../../foundation/core/sleep.ts';
import type { HashThreads } from '../../foundation/crypto/hash-threads.ts';
import { BCRYPT_COST, isTooLong, parsePasswordHash } from '../../foundation/crypto/password-hash.ts';
import type { Passwords } from './context.ts';
import { unavailable } from './errors.ts';

interface Options {
  readonly hasher: Pick<HashThreads, 'hash' | 'verify'>;
  /** Processes of this daemon, which share the machine. */
  readonly processes?: number;
  /** Hashes that this process works on at once. */
  readonly workers?: number;
  /** Hashes that may wait. */
  readonly queue?: number;
  /** Lower in tests alone. */
  readonly cost?: number;
}

/** The threads step back for everyone who is not signing in, so each core may have one. */
function shareOf(processes: number): number {
  return Math.max(1, Math.floor(availableParallelism() / processes));
}

/** Its time does not depend on what is hashed. */
const FILLER = 'a password of nobody';
/** For each worker: a minute at a quarter second each. Proxies give up then, and so do people. */
const QUEUE = 240;

/** Hashes off the event loop, a few at a time, and refuses with 503 what would wait too long. */
export function makePasswords(options: Options): Passwords {
  const { hasher, processes = 1, cost = BCRYPT_COST } = options;
  const { workers = shareOf(processes), queue = workers * QUEUE } = options;
  const turn = makeTurnstile(workers, queue);
  /** Milliseconds of a check at full cost, lately. */
  let full = 0;
  /**
   * A refusal costs what a check at full cost does, so that its time does not tell which accounts exist. bcrypt's work
   * doubles with each step of the cost: rounds at c, c+1, … 11 add up to what a check at c lacks to one at 12. For the
   * hashes of others there is no such sum; they wait.
   *
   * @param spent cost of the check that was made, 0 for none
   */
  const spend = async (spent: number): Promise<void> => {
    const begun = performance.now();
    if (spent > 0) for (let next = spent; next < cost; next++) await hasher.hash(FILLER, next);
    else {
      await hasher.hash(FILLER, cost);
      full = performance.now() - begun;
    }
  };
  return {
    hash: (password) => turn(() => hasher.hash(password, cost)),
    verify: (stored, password) =>
      turn(async () => {
        const hash = parsePasswordHash(stored ?? '');
        const begun = performance.now();
        const ok = await hasher.verify(stored ?? '', password);
        const bcrypt = hash.kind === 'bcrypt' ? hash.cost : undefined;
        if (!ok) {
          if (hash.kind === 'other' || (bcrypt !== undefined && isTooLong(password))) await spend(0);
          else if (bcrypt !== undefined) await spend(bcrypt);
          else await sleep(Math.max(0, full - (performance.now() - begun)));
        }
        return { ok, weak: bcrypt === undefined || bcrypt < cost };
      }),
  };
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

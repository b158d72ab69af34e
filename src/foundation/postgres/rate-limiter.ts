import { createHash } from 'node:crypto';
import type { DatabaseAddress } from './address.ts';
import { openTokenStore, type StoreNews } from './token-store.ts';

/** So many at once, and so many more a second: 30 in five minutes are `{ capacity: 30, perSecond: 0.1 }`. */
export interface Bucket {
  /** Distinguishes what is counted: `rest.key`, `auth.token`. */
  readonly name: string;
  readonly capacity: number;
  readonly perSecond: number;
}

export interface Verdict {
  readonly ok: boolean;
  /** Whole seconds, at least 1, when it is refused; else 0. */
  readonly retryAfterSeconds: number;
}

export interface RateLimiter {
  /**
   * @param key who is counted: an address, an account, a key's id. Only its digest is stored.
   * @param cost tokens, 1 unless told; more than the capacity counts as the capacity
   */
  readonly take: (bucket: Bucket, key: string, cost?: number) => Promise<Verdict>;
  readonly stop: () => Promise<void>;
}

/** Milliseconds that tokens taken from the database may be spent. */
const LEASE = 10_000;
const MAX_SHARES = 10_000;

/** What this process holds of one bucket. */
interface Share {
  left: number;
  leaseEnds: number;
  refusedUntil: number;
  asking: Promise<void> | undefined;
  /** Tokens that callers wait for. */
  waiting: number;
}

/**
 * Token buckets shared by all processes on one database.
 *
 * A process takes a hundredth of the capacity at once from the database and spends it without asking again: buckets up
 * to 199 are exact and cost a round trip each, larger ones one for many. What is refused is remembered, so a flood
 * costs nothing. In any T seconds, `n` processes let through at most
 * `capacity + perSecond × T + n × capacity / 100`: the last term is what they had taken before and not spent.
 *
 * Without the database, or without the right to make the table there, each process counts for itself: `tell` hears it.
 */
export function makeRateLimiter(address: DatabaseAddress, tell: (news: StoreNews) => void): RateLimiter {
  const store = openTokenStore(address, tell);
  const shares = new Map<string, Share>();
  return {
    take: async (bucket, key, cost = 1) => {
      const counted = `${bucket.name}\0${key}`;
      const share = shareOf(shares, counted);
      const price = Math.min(cost, bucket.capacity);
      const lease = Math.max(1, Math.floor(bucket.capacity / 100));
      const refill = async (): Promise<void> => {
        const id = createHash('sha256').update(counted).digest().subarray(0, 16);
        const { granted, waitSeconds } = await store.take(id, Math.max(lease, share.waiting), bucket);
        const now = performance.now();
        if (granted === 0) share.refusedUntil = now + waitSeconds * 1_000;
        else {
          share.left += granted;
          share.leaseEnds = now + LEASE;
        }
      };
      const ask = (): Promise<void> =>
        (share.asking ??= refill().finally(() => {
          share.asking = undefined;
        }));
      for (;;) {
        const now = performance.now();
        if (now >= share.leaseEnds) share.left = 0;
        if (share.left >= price) {
          share.left -= price;
          // Ahead of need, so that nobody waits for it under load.
          if (lease > 8 && share.left < lease / 4 && now >= share.refusedUntil) void ask();
          return { ok: true, retryAfterSeconds: 0 };
        }
        if (now < share.refusedUntil) {
          return { ok: false, retryAfterSeconds: Math.max(1, Math.ceil((share.refusedUntil - now) / 1_000)) };
        }
        share.waiting += price;
        await ask();
        share.waiting -= price;
      }
    },
    stop: () => store.close(),
  };
}

/** The least recently made go first; what they held is lost, which refuses a little early and never late. */
function shareOf(shares: Map<string, Share>, id: string): Share {
  let share = shares.get(id);
  if (!share) {
    if (shares.size >= MAX_SHARES) shares.delete(shares.keys().next().value ?? '');
    share = { left: 0, leaseEnds: 0, refusedUntil: 0, asking: undefined, waiting: 0 };
    shares.set(id, share);
  }
  return share;
}

import type { Clock } from '../../../foundation/core/observe.ts';

export interface Throttle {
  /** True when nothing is ever held back. */
  readonly open: boolean;
  /** Milliseconds to wait before `bytes` may be handed on; 0 for now. */
  take(bytes: number): number;
}

/** One budget in bytes per second for all copies together; null never waits. A second's worth may pass in one burst. */
export function makeThrottle(bytesPerSecond: number | null, clock: Clock): Throttle {
  if (bytesPerSecond === null) return { open: true, take: () => 0 };
  let paidUntil = clock.now();
  return {
    open: false,
    take(bytes) {
      const now = clock.now();
      paidUntil = Math.max(paidUntil, now - 1000) + (bytes / bytesPerSecond) * 1000;
      return Math.max(0, Math.ceil(paidUntil - now));
    },
  };
}

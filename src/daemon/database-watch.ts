import type { DatabaseAddress } from '../foundation/postgres/address.ts';
import { Session } from '../foundation/postgres/session.ts';
import { messageOf } from '../foundation/core/errors.ts';
import { sleep } from '../foundation/core/sleep.ts';

export interface DatabaseWatch {
  /** `undefined` while Postgres answers; otherwise one sentence without addresses, fit for anybody. */
  readonly trouble: () => string | undefined;
  /** Milliseconds since the last answer or failure: it asks all the time, so many mean that we cannot even ask. */
  readonly silence: () => number;
  readonly stop: () => Promise<void>;
}

type Tell = (change: { up: true } | { up: false; reason: string }) => void;

/** A server that hangs keeps its sockets open, so silence is noticed by asking: after at most BEAT + PATIENCE. */
const BEAT = 2_000;
const PATIENCE = 2_000;
/** Milliseconds between attempts: soon after a restart, seldom during a long outage. */
const BACKOFF = [100, 200, 400, 800, 1_600, 3_000];

/**
 * Keeps one connection of its own to Postgres and knows whether it answers. Reconnects for ever until stopped.
 * `tell` hears each change once, and each new reason, for the log.
 */
export function watchDatabase(address: DatabaseAddress, tell: Tell): DatabaseWatch {
  const stopping = new AbortController();
  let up: boolean | undefined;
  let told: string | undefined;
  let heardAt = performance.now();
  const change = (now: boolean, reason: string): void => {
    heardAt = performance.now();
    if (up === now && told === reason) return;
    up = now;
    told = reason;
    tell(now ? { up: true } : { up: false, reason });
  };
  const loop = keepConnected(address, change, stopping.signal);
  return {
    trouble: () =>
      up === true ? undefined : up === false ? 'Postgres does not answer' : 'Postgres is not reached yet',
    silence: () => performance.now() - heardAt,
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

async function keepConnected(
  address: DatabaseAddress,
  change: (up: boolean, reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const session = await Session.open(address, { applicationName: 'vectabase readiness', connectTimeout: PATIENCE });
      try {
        await beatUntilLost(session, signal, () => {
          failures = 0;
          change(true, '');
        });
      } finally {
        session.destroy(); // a polite end would wait for a server that hangs
      }
    } catch (error) {
      if (!signal.aborted) change(false, messageOf(error));
    }
    await sleep(BACKOFF[Math.min(failures++, BACKOFF.length - 1)] ?? 0, signal).catch(() => undefined);
  }
}

/** Returns when told to stop; throws when the connection is lost or an answer takes too long. */
async function beatUntilLost(session: Session, signal: AbortSignal, onAnswer: () => void): Promise<void> {
  const ended = new AbortController();
  session.onLost((error) => ended.abort(error));
  const either = AbortSignal.any([signal, ended.signal]);
  while (!either.aborted) {
    await withPatience(session.rows('select 1'));
    onAnswer();
    await sleep(BEAT, either).catch(() => undefined);
  }
  ended.signal.throwIfAborted();
}

async function withPatience(answer: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  const late = sleep(PATIENCE, enough.signal).then(() => {
    throw new Error(`no answer within ${PATIENCE} ms`);
  });
  try {
    await Promise.race([answer, late]);
  } finally {
    enough.abort();
    late.catch(() => undefined);
    answer.catch(() => undefined);
  }
}

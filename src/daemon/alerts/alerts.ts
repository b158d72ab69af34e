import type { Logger } from 'pino';
import { messageOf } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { alertSteps, type AlertState, type Condition, type Letter } from '../../operator/backup/alerts/state.ts';
import type { Channel } from './channels.ts';
import { send } from './post.ts';

export interface Alerts {
  /** What is wrong, as of the last look; undefined before the first one. */
  conditions(): readonly Condition[] | undefined;
  /** How many are raised, by severity; undefined before the first look. */
  raised(): { readonly critical: number; readonly warning: number } | undefined;
  /** Writes to every channel at once, whatever is raised: why each failed, or null. */
  test(): Promise<ReadonlyArray<{ readonly channel: string; readonly failure: string | null }>>;
  /** Looks now, not in a minute. */
  lookNow(): void;
  stop(): Promise<void>;
}

interface Options {
  readonly address: DatabaseAddress;
  readonly channels: readonly Channel[];
  /** Told each time that nothing critical is raised; whoever is behind it raises an alarm when that ends. */
  readonly deadMan: string | undefined;
  /** What is wrong now; `whole`: and nothing else, as far as anybody knows. Called each minute. */
  readonly look: () => Promise<{ readonly conditions: readonly Condition[]; readonly whole: boolean }>;
  readonly log: Logger;
  /** Milliseconds between looks. */
  readonly every?: number;
}

const EVERY = 60_000;

/**
 * Looks each minute, and writes what is new through every channel. What is raised is kept in the database, so that a
 * restart, or another daemon on it, does not tell it again. While Postgres does not answer each daemon keeps its own.
 */
export function startAlerts(options: Options): Alerts {
  const { channels, deadMan, look, log, every = EVERY } = options;
  let state: AlertState = {};
  let away = false;
  let latest: readonly Condition[] | undefined;
  let last = Promise.resolve();
  const round = async (): Promise<void> => {
    const { conditions, whole } = await look();
    // What was raised while the database was away is known here alone.
    const own = away ? state : {};
    away = await withState(options.address, state, async (shared) => {
      const known = { ...own, ...shared };
      const { steps, state: seen } = alertSteps(known, conditions, Date.now());
      state = seen;
      for (const { letter, told } of steps) if (await deliver(letter, channels, log)) state = told(state);
      return state;
    });
    latest = conditions;
    if (whole && countOf(conditions).critical === 0 && deadMan !== undefined) await ping(deadMan, log);
  };
  const next = (): void => {
    last = last.then(round).catch((error: unknown) => log.error({ reason: messageOf(error) }, 'no look at alerts'));
  };
  next();
  const timer = setInterval(next, every);
  return {
    conditions: () => latest,
    raised: () => latest && countOf(latest),
    lookNow: next,
    test: async () => {
      const since = new Date().toISOString();
      const letter: Letter = { ...TEST, since };
      return Promise.all(
        channels.map(async (channel) => ({ channel: channel.name, failure: await failureOf(channel, letter) })),
      );
    },
    stop: async () => {
      clearInterval(timer);
      await last;
    },
  };
}

function countOf(conditions: readonly Condition[]): { critical: number; warning: number } {
  const critical = conditions.filter(({ severity }) => severity === 'critical').length;
  return { critical, warning: conditions.length - critical };
}

const TEST = {
  key: 'test',
  status: 'test',
  severity: 'warning',
  title: 'this is a test: alerts of this machine arrive here',
  command: 'vectabase status',
} as const;

/** One that reached nobody is written again with the next look; one that reached somebody is told. */
async function deliver(letter: Letter, channels: readonly Channel[], log: Logger): Promise<boolean> {
  const { key, status, title } = letter;
  log.warn({ alert: key, status, title }, 'alert');
  if (channels.length === 0) return true; // the log, metrics and `vectabase status` tell it
  const failures = await Promise.all(channels.map(async (channel) => failureOf(channel, letter)));
  for (const [at, failure] of failures.entries()) {
    if (failure !== null)
      log.error({ alert: key, channel: channels[at]?.name, reason: failure }, 'alert not delivered');
  }
  return failures.includes(null);
}

async function failureOf(channel: Channel, letter: Letter): Promise<string | null> {
  return channel.deliver(letter).then(
    () => null,
    (error: unknown) => messageOf(error),
  );
}

async function ping(url: string, log: Logger): Promise<void> {
  const reply = await send(url, { method: 'GET' }).catch((error: unknown) => messageOf(error));
  if (typeof reply === 'string' || reply.status >= 400) {
    log.warn({ reason: typeof reply === 'string' ? reply : `answered ${reply.status}` }, 'dead-man URL not reached');
  }
}

/**
 * Leaves the turn to another daemon that is at it already.
 *
 * @returns whether the database was away, so that only this process knows the state
 */
async function withState(
  address: DatabaseAddress,
  own: AlertState,
  change: (state: AlertState) => Promise<AlertState>,
): Promise<boolean> {
  const session = await Session.open(address, {
    applicationName: 'vectabase alerts',
    connectTimeout: 5_000,
    // Also while writes of applications are held back, or each look would tell everything anew.
    settings: { default_transaction_read_only: 'off' },
  }).catch(() => undefined);
  if (session === undefined) {
    await change(own);
    return true;
  }
  try {
    const [row] = await session.rows<{ state: AlertState | null }>('select vectabase.load_alerts()::json as state');
    if (row?.state) {
      const fresh = await change(row.state);
      await session.rows('select vectabase.save_alerts($1)', [JSON.stringify(fresh)]);
    }
    return false;
  } finally {
    await session.close();
  }
}

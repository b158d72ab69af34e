import type { Logger } from 'pino';
import { messageOf } from '../foundation/core/errors.ts';
import { sleep } from '../foundation/core/sleep.ts';
import type { ServiceManager } from './notify.ts';

/** Something that this process cannot do without. */
export interface Check {
  readonly name: string;
  /**
   * Undefined when all is well, else what is wrong, fit for the log: a restart of the daemon would not mend it. One
   * that throws, or does not come back, is what a restart is for.
   */
  run(): Promise<string | undefined> | string | undefined;
}

export interface Health {
  /** Whether every check came back; false is what the watchdog acts on. */
  readonly alive: boolean;
  /** Milliseconds that a timer came late. */
  readonly lag: number;
  readonly checks: ReadonlyArray<{ readonly name: string; readonly trouble: string | null }>;
}

/** Milliseconds that a check may take. */
const PATIENCE = 5_000;

export async function checkSelf(checks: readonly Check[]): Promise<Health> {
  const start = performance.now();
  const timer = sleep(10).then(() => performance.now() - start - 10);
  const results = await Promise.all(checks.map(async (check) => ({ name: check.name, ...(await outcomeOf(check)) })));
  return {
    alive: results.every(({ stuck }) => !stuck),
    lag: Math.round(Math.max(0, await timer)),
    checks: results.map(({ name, trouble }) => ({ name, trouble })),
  };
}

/**
 * Feeds the watchdog of systemd (or of the supervisor) after each self-check that came back. A loop that is blocked
 * feeds nobody. A Postgres that is down or a full disk is told in the status and in healthz; it is not a reason to be
 * killed, as the next daemon would find the same.
 */
export function feedWatchdog(
  checks: readonly Check[],
  manager: ServiceManager,
  { url, log }: { readonly url: string; readonly log: Logger },
): { stop(): void } {
  if (manager.watchdog === undefined) return { stop: () => undefined };
  let told = '';
  const round = async (): Promise<void> => {
    const health = await checkSelf(checks);
    const troubles = health.checks.flatMap(({ name, trouble }) => (trouble === null ? [] : [`${name}: ${trouble}`]));
    if (health.alive) manager.alive();
    else log.error({ troubles }, 'the watchdog is not fed');
    const status = [`serves ${url}`, ...troubles].join('; ');
    if (status !== told) manager.status(status);
    told = status;
  };
  void round();
  const timer = setInterval(() => void round(), manager.watchdog / 3);
  return { stop: () => clearInterval(timer) };
}

async function outcomeOf(check: Check): Promise<{ stuck: boolean; trouble: string | null }> {
  const enough = new AbortController();
  const late = sleep(PATIENCE, enough.signal).then(() => {
    throw new Error(`no answer within ${PATIENCE} ms`);
  });
  late.catch(() => undefined);
  try {
    return { stuck: false, trouble: (await Promise.race([check.run(), late])) ?? null };
  } catch (error) {
    return { stuck: true, trouble: messageOf(error) };
  } finally {
    enough.abort();
  }
}

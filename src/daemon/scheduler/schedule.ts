import type { Logger } from 'pino';

/** When a job is to run: cron's five fields, in UTC, so that no hour is skipped or doubled. */
export interface Schedule {
  /** The latest instant of the schedule that has come, in milliseconds since the epoch; undefined in the last month none. */
  latest(now: number): number | undefined;
  stop(): void;
}

const MINUTE = 60_000;
/** Minutes looked back: a month and a day. */
const BACK = 32 * 24 * 60;

/**
 * Calls back at each instant of the schedule, up to `jitter` milliseconds late: many machines must not ask one store at
 * once.
 */
export async function startSchedule(
  pattern: string,
  { jitter, log, call }: { readonly jitter: number; readonly log: Logger; readonly call: () => void },
): Promise<Schedule> {
  const { createTask } = await import('node-cron');
  const task = createTask(pattern, call, {
    timezone: 'Etc/UTC',
    maxRandomDelay: jitter,
    unref: true,
    suppressMissedWarning: true, // whoever asks for the latest instant catches up
    logger: loggerFor(log),
  });
  await task.start();
  // A minute takes 13 µs: what was looked through once is not again.
  let known: { readonly until: number; readonly latest: number | undefined } = { until: -Infinity, latest: undefined };
  return {
    latest: (now) => {
      const start = Math.floor(now / MINUTE) * MINUTE;
      let { latest } = start >= known.until ? known : { latest: undefined };
      const least = Math.max(start - BACK * MINUTE, start >= known.until ? known.until : -Infinity);
      for (let at = start; at > least; at -= MINUTE) {
        if (!task.match(new Date(at))) continue;
        latest = at;
        break;
      }
      known = { until: start, latest };
      return latest;
    },
    stop: () => void task.destroy(),
  };
}

function loggerFor(log: Logger) {
  const say = (message: string | Error): void => log.debug({ reason: String(message) }, 'schedule');
  return { info: say, warn: say, error: say, debug: say };
}

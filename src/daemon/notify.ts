import { writeSync } from 'node:fs';
import { environment } from '../foundation/config/environment.ts';
import { startChild } from '../foundation/process/child.ts';
import { PLAIN_ENVIRONMENT } from '../foundation/process/run.ts';
import type { Descriptors } from './activation.ts';

/** The service manager, as sd_notify(3) knows it. Nobody listens unless systemd started us. */
export interface ServiceManager {
  /** Milliseconds within which it wants a sign of life; undefined: none. */
  readonly watchdog: number | undefined;
  ready(): void;
  reloading(): void;
  stopping(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  alive(): void;
}

/**
 * Node cannot open datagram sockets of the unix family, but it can write to one: `OpenFile=/run/systemd/notify:notify`
 * in the unit has systemd (from 253) open and connect it for us. A message then costs some microseconds and comes from
 * the main process, so `NotifyAccess=main` is enough. Where the unit has no such line, the program systemd-notify
 * sends it (30 ms and more), and the unit has to say NotifyAccess=all.
 */
export function openServiceManager(
  descriptors: Descriptors,
  env: Readonly<NodeJS.ProcessEnv> = environment(),
): ServiceManager {
  const descriptor = descriptors.get('notify');
  const send = descriptor === undefined ? runProgram(env['NOTIFY_SOCKET']) : writeTo(descriptor);
  const say = (...lines: readonly string[]): void => send?.(lines.join('\n'));
  return {
    watchdog: send && watchdogOf(env),
    ready: () => say('READY=1'),
    // CLOCK_MONOTONIC, which hrtime reads: by it systemd knows an answer to this reload from one to the last.
    reloading: () => say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => say('STOPPING=1'),
    status: (text) => say(`STATUS=${text.replaceAll(/\s+/g, ' ')}`),
    alive: () => say('WATCHDOG=1'),
  };
}

/** WATCHDOG_PID is the main process; ours, as workers tell their supervisor instead. */
function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: Readonly<NodeJS.ProcessEnv>): number | undefined {
  const ms = Number(WATCHDOG_USEC) / 1_000;
  return ms > 0 && (WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid) ? ms : undefined;
}

function writeTo(descriptor: number): (message: string) => void {
  return (message) => {
    try {
      writeSync(descriptor, message);
    } catch {
      // Its queue is full, or it is being replaced: the next message tells as much.
    }
  };
}

/** One after the other: READY must not overtake RELOADING. */
function runProgram(NOTIFY_SOCKET: string | undefined): ((message: string) => void) | undefined {
  if (NOTIFY_SOCKET === undefined) return undefined;
  let last = Promise.resolve();
  return (message) => {
    last = last.then(async () => {
      const child = await startChild(['systemd-notify', ...message.split('\n')], {
        stdio: ['ignore', 'ignore', 'ignore'],
        env: { ...PLAIN_ENVIRONMENT, NOTIFY_SOCKET },
      });
      await child.exited;
    });
    last.catch(() => undefined);
  };
}

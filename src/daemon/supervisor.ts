import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import type { Descriptors } from './activation.ts';
import { Crew } from './crew.ts';
import { openDoor } from './door.ts';
import { untilStopped } from './lifecycle.ts';
import type { ServiceManager } from './notify.ts';
import { tell } from './tell.ts';

interface Supervision {
  readonly count: number;
  readonly config: RuntimeConfig;
  /** Descriptors that every worker needs, behind the standard three and in this order. */
  readonly inherited: readonly number[];
  /** Sockets from systemd. */
  readonly descriptors: Descriptors;
  readonly manager: ServiceManager;
}

/**
 * Runs the daemon as several processes on one port. The supervisor accepts connections and hands them out in turn; it
 * prints the ready line when all are ready, replaces a worker that ends or hangs, passes signals on, and takes all down
 * with it. Node's own cluster would lose the connections that it accepts while its workers stop.
 *
 * @returns the exit code
 * @throws VectabaseError PORT_IN_USE, CONFIG_INVALID
 */
export async function supervise(supervision: Supervision, log: Logger): Promise<number> {
  const { config, count, descriptors, manager } = supervision;
  const stopped = untilStopped();
  // A Node that was started through a descriptor has no other path to itself that we may enter.
  if (process.argv0.startsWith('/proc/self/fd/')) process.execPath = process.argv0;
  const crew = new Crew({ ...supervision, watchdog: manager.watchdog }, log);
  const place = { ...config.api, descriptor: descriptors.get('api') };
  const door = await openDoor(place, (socket) => crew.handOut(socket), true);
  process.on('SIGUSR1', () => crew.kill('SIGUSR1'));
  process.on('SIGHUP', () => {
    manager.reloading();
    void crew.reload().then(() => manager.ready());
  });
  const started = await Promise.race([stopped, crew.start(count, door.url)]);
  let code = 0;
  let beat: NodeJS.Timeout | undefined;
  if (typeof started === 'object') {
    await tell('event' in started ? { ...started, pid: process.pid } : started);
    if ('error' in started) code = started.error.exitCode;
    else {
      log.info({ apiUrl: started.apiUrl, workers: count }, 'ready');
      manager.ready();
      manager.status(`${count} workers serve ${door.url}`);
      if (manager.watchdog !== undefined) beat = setInterval(() => manager.alive(), manager.watchdog / 3);
    }
  }
  if (code === 0) log.info({ reason: typeof started === 'string' ? started : await stopped }, 'stopping');
  manager.stopping();
  door.close();
  await crew.stop();
  clearInterval(beat);
  log.info('stopped');
  return code;
}

import type { Logger } from 'pino';
import { readRuntimeFile, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { messageOf } from '../foundation/core/errors.ts';
import { openKeyRing, type KeyRing } from './key-ring.ts';
import type { ServiceManager } from './notify.ts';
import type { Services } from './services.ts';

/** Milliseconds that requests under the configuration before are given to finish. */
const GRACE = 60_000;

/**
 * The services under the configuration in force. For SIGHUP the file is read again: new requests go to services that
 * were started with it, those under way finish where they began. A file that is no good changes nothing. What the
 * process has from its start (port, user, the database that readiness asks for) stays.
 *
 * @param file as `readRuntimeFile` takes it; a descriptor shows what it held when it was opened, so only the keys are new
 */
export function startGenerations(
  first: { readonly config: RuntimeConfig; readonly keys: KeyRing; readonly manager: ServiceManager },
  file: string,
  start: (config: RuntimeConfig, keys: KeyRing) => Services,
  log: Logger,
): Services {
  const running = new Set<Services>();
  const timers = new Set<NodeJS.Timeout>();
  const launch = (config: RuntimeConfig, keys: KeyRing): Services => {
    const services = start(config, keys);
    running.add(services);
    return services;
  };
  const end = async (services: Services): Promise<void> => {
    if (running.delete(services)) await services.stop();
  };
  let current = launch(first.config, first.keys);
  const reload = async (): Promise<void> => {
    try {
      const config = file.startsWith('fd:') ? first.config : readRuntimeFile(file);
      const next = launch(config, openKeyRing(config));
      await next.warm();
      if (!running.has(next)) return; // we were stopped meanwhile
      const before = current;
      current = next;
      log.level = config.log.level;
      log.info('configuration and keys read');
      const timer = setTimeout(() => {
        timers.delete(timer);
        end(before).catch((error: unknown) => log.error({ reason: messageOf(error) }, 'services before did not stop'));
      }, GRACE);
      timers.add(timer);
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'the configuration cannot be read; the one before stays in force');
    }
  };
  let last = Promise.resolve();
  const onSignal = (): void => {
    first.manager.reloading();
    last = last.then(reload).then(() => first.manager.ready());
  };
  process.on('SIGHUP', onSignal);
  return {
    handler: (request, response) => current.handler(request, response),
    stop: async () => {
      process.off('SIGHUP', onSignal);
      for (const timer of timers) clearTimeout(timer);
      await Promise.all([...running].map(end));
    },
    warm: () => current.warm(),
  };
}

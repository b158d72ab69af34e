import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { withResources } from '../foundation/core/release.ts';
import { databaseAddress } from './database-address.ts';
import { watchDatabase } from './database-watch.ts';
import { startGenerations } from './generations.ts';
import type { KeyRing } from './key-ring.ts';
import { untilStopped } from './lifecycle.ts';
import { errorFields } from './log.ts';
import { listen } from './server.ts';
import { withSecrets, type DaemonSecrets } from './secrets.ts';
import { startServices, type Services } from './services.ts';
import { tell } from './tell.ts';

/** Milliseconds that requests under way are given when the daemon stops. */
const DRAIN = 10_000;

export interface Opened {
  readonly config: RuntimeConfig;
  readonly keys: KeyRing;
  readonly secrets: DaemonSecrets;
}

/** Serves until it is told to stop. */
export async function serve(file: string, { config, keys, secrets }: Opened, log: Logger): Promise<void> {
  exitOnBug(log);
  await withResources(async (scope) => {
    const stopped = untilStopped();
    let stopping = false;
    const database = scope.add(
      watchDatabase(databaseAddress(config), (change) => {
        if (change.up) log.info('Postgres answers');
        else log.warn({ reason: change.reason }, 'Postgres does not answer');
      }),
      (watch) => watch.stop(),
    );
    let listenUrl = '';
    const surroundings = { log, stopping: () => stopping, trouble: database.trouble, listenUrl: () => listenUrl };
    const start = (now: RuntimeConfig, ring: KeyRing): Services =>
      startServices(withSecrets(now, secrets.secretsFor('auth')), ring, surroundings);
    const services = scope.add(startGenerations({ config, keys }, file, start, log), (running) => running.stop());
    scope.add(secrets, (open) => open.stop());
    secrets.onChange(() => process.kill(process.pid, 'SIGHUP')); // as a change of the configuration
    const { host, port, publicUrl } = config.api;
    const server = scope.add(await listen(services.handler, host, port), (open) => open.drain(DRAIN));
    listenUrl = server.url;
    const apiUrl = publicUrl ?? listenUrl;
    await tell({ event: 'ready', apiUrl, pid: process.pid });
    log.info({ listen: server.url, apiUrl }, 'ready');
    const reason = await stopped;
    stopping = true;
    log.info({ reason }, 'stopping');
  });
  log.info('stopped');
}

/** After an error that nobody caught, state is unknown: say so and end; whoever started us starts us again. */
function exitOnBug(log: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal(errorFields(error), event);
      process.exit(1);
    });
  }
}

import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { withResources } from '../foundation/core/release.ts';
import { holdingWritesBack } from './archive.ts';
import { databaseAddress } from './database-address.ts';
import { watchDatabase, type DatabaseWatch } from './database-watch.ts';
import { startDuties, type Duties } from './duties.ts';
import { startGenerations } from './generations.ts';
import type { KeyRing } from './key-ring.ts';
import { untilStopped } from './lifecycle.ts';
import { errorFields } from './log.ts';
import { serveSupervisor } from './orders.ts';
import { feedWatchdog, type Check } from './self-check.ts';
import { listen, serveConnections, type Listening } from './server.ts';
import { withSecrets, type DaemonSecrets } from './secrets.ts';
import { startServices, type Services } from './services.ts';
import type { Station } from './station.ts';
import { tell } from './tell.ts';

/** Milliseconds that requests under way are given when the daemon stops. */
const DRAIN = 10_000;
/** Milliseconds: twice what an attempt at a connection and its longest pause take. */
const SILENCE = 15_000;

export interface Opened {
  readonly config: RuntimeConfig;
  readonly keys: KeyRing;
  readonly secrets: DaemonSecrets;
  readonly station: Station;
}

/** Serves until it is told to stop. */
export async function serve(file: string, { config, keys, secrets, station }: Opened, log: Logger): Promise<void> {
  exitOnBug(log);
  const { manager } = station;
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
    const checks = [postgresCheck(database)];
    const surroundings = { log, stopping: () => stopping, trouble: database.trouble, listenUrl: () => listenUrl };
    const start = (now: RuntimeConfig, ring: KeyRing): Services =>
      startServices(withSecrets(now, secrets.secretsFor('auth')), ring, surroundings);
    const services = scope.add(startGenerations({ config, keys, manager }, file, start, log), (running) =>
      running.stop(),
    );
    scope.add(secrets, (open) => open.stop());
    secrets.onChange(() => process.kill(process.pid, 'SIGHUP')); // as a change of the configuration
    let duties: Duties | undefined;
    const handler = holdingWritesBack(services.handler, () => duties?.holdsWrites() === true);
    const server = scope.add(await openServer(handler, config, station), (open) => open.drain(DRAIN));
    listenUrl = server.url;
    const apiUrl = config.api.publicUrl ?? listenUrl;
    if (station.lead) {
      duties = await startDuties(config, station, { log, checks, trouble: database.trouble });
      scope.add(duties, (running) => running.stop());
    }
    await tell({ event: 'ready', apiUrl, pid: process.pid });
    manager.ready();
    log.info({ listen: server.url, apiUrl }, 'ready');
    scope.add(feedWatchdog(checks, manager, { url: listenUrl, log }), (feeding) => feeding.stop());
    const reason = await stopped;
    stopping = true;
    manager.stopping();
    log.info({ reason }, 'stopping');
  });
  log.info('stopped');
}

/** Opens the port, or takes the connections that the supervisor accepts. */
async function openServer(handler: RequestListener, config: RuntimeConfig, station: Station): Promise<Listening> {
  const { url, descriptors } = station;
  if (url === undefined) return listen(handler, config.api.host, config.api.port, descriptors.get('api'));
  const serving = serveConnections(handler);
  serveSupervisor((socket) => serving.accept(socket));
  return { url, drain: (ms) => serving.drain(ms) };
}

function postgresCheck(database: DatabaseWatch): Check {
  return {
    name: 'postgres',
    run: () => {
      if (database.silence() > SILENCE) throw new Error('it is not even asked any more');
      return database.trouble();
    },
  };
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

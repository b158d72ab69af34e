import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import { readRuntimeFile, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { asVectabaseError, errorToJson, messageOf, VectabaseError } from '../foundation/core/errors.ts';
import { withResources } from '../foundation/core/release.ts';
import { watchDatabase } from './database-watch.ts';
import { become, untilStopped } from './lifecycle.ts';
import { errorFields, openLog } from './log.ts';
import { checkMasterKey } from './master-key-check.ts';
import { databaseAddress } from './database-address.ts';
import { startGenerations } from './generations.ts';
import { openKeyRing, type KeyRing } from './key-ring.ts';
import { listen } from './server.ts';
import { startServices } from './services.ts';

/** Milliseconds that requests under way are given when the daemon stops. */
const DRAIN = 10_000;

/**
 * The daemon as a process: `daemon.js --config FILE`. Prints one JSON line on stdout, `{"event":"ready",…}` or
 * `{"error":…}`, logs on stderr, and ends the process with the error's exit code, or 0 after a stop.
 */
export async function main(argv: readonly string[]): Promise<never> {
  try {
    const file = configFile(argv);
    const config = readRuntimeFile(file);
    const keys = openKeyRing(config); // some files are for root alone
    if (config.runAs) become(config.runAs);
    await checkMasterKey(config);
    await serve(file, config, keys, openLog(config.log.level));
  } catch (thrown) {
    process.stdout.write(`${JSON.stringify(errorToJson(thrown))}\n`);
    process.exit(asVectabaseError(thrown).exitCode);
  }
  process.exit(0);
}

async function serve(file: string, config: RuntimeConfig, keys: KeyRing, log: Logger): Promise<void> {
  exitOnBug(log);
  process.stdout.on('error', () => undefined); // whoever read the ready line may close the pipe after it
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
    const services = scope.add(
      startGenerations({ config, keys }, file, (...given) => startServices(...given, surroundings), log),
      (running) => running.stop(),
    );
    const { host, port, publicUrl } = config.api;
    const server = scope.add(await listen(services.handler, host, port), (open) => open.drain(DRAIN));
    listenUrl = server.url;
    const apiUrl = publicUrl ?? listenUrl;
    process.stdout.write(`${JSON.stringify({ event: 'ready', apiUrl, pid: process.pid })}\n`);
    log.info({ listen: server.url, apiUrl }, 'ready');
    const reason = await stopped;
    stopping = true;
    log.info({ reason }, 'stopping');
  });
  log.info('stopped');
}

function configFile(argv: readonly string[]): string {
  let file: string | undefined;
  try {
    file = parseArgs({ args: [...argv], options: { config: { type: 'string' } } }).values.config;
  } catch (error) {
    throw usage(messageOf(error));
  }
  if (file === undefined) throw usage('--config is missing');
  return file;
}

function usage(message: string): VectabaseError {
  return new VectabaseError('USAGE', { message, hint: 'Run vectabase daemon --config FILE.' });
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

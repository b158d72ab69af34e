import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { readRuntimeFile, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { asVectabaseError, errorToJson, messageOf, VectabaseError } from '../foundation/core/errors.ts';
import { keepOutOfDumps } from '../foundation/process/dumps.ts';
import { hideKnownWarnings } from '../foundation/core/warnings.ts';
import { become, mustBecome } from './lifecycle.ts';
import { openLog } from './log.ts';
import { stationOfMain, stationOfWorker } from './station.ts';
import { tell } from './tell.ts';
import { workerCount } from './workers.ts';

/**
 * The daemon as a process: `daemon.js --config FILE`. Prints one JSON line on stdout, `{"event":"ready",…}` or
 * `{"error":…}`, logs on stderr, and ends the process with the error's exit code, or 0 after a stop. With several
 * workers this process only supervises, and each worker comes through here as well.
 *
 * With `--check-keys` it only proves that the keys are there, which is what Postgres waits for on an installed machine.
 */
export async function main(argv: readonly string[]): Promise<never> {
  keepOutOfDumps();
  hideKnownWarnings();
  try {
    const { file, checkKeys } = parse(argv);
    const config = readRuntimeFile(file);
    const log = openLog(config.log.level);
    if (checkKeys) {
      const { checkKeysAtHand } = await import('./key-check.ts');
      await checkKeysAtHand(config, log);
      process.exit(0);
    }
    const count = workerCount(config);
    const station = cluster.isWorker ? await stationOfWorker() : stationOfMain();
    if (cluster.isPrimary && count > 1) {
      // Workers that are started later could not read what is for root alone.
      if (mustBecome(config.runAs)) log.warn('one process only, as it has to give up root by itself');
      else {
        const { supervise } = await import('./supervisor.ts');
        process.exit(await supervise({ count, config, inherited: inheritedBy(file, config), ...station }, log));
      }
    }
    const [{ serve }, { openKeyRing }, { openDaemonSecrets }, { checkMasterKey }] = await Promise.all([
      import('./serve.ts'),
      import('./key-ring.ts'),
      import('./secrets.ts'),
      import('./master-key-check.ts'),
    ]);
    const keys = openKeyRing(config); // some files are for root alone
    const secrets = await openDaemonSecrets(config, file.startsWith('fd:'), log);
    if (config.runAs) become(config.runAs);
    await checkMasterKey(config);
    await serve(file, { config, keys, secrets, station }, log);
  } catch (thrown) {
    await tell(errorToJson(thrown));
    process.exit(asVectabaseError(thrown).exitCode);
  }
  process.exit(0);
}

/** A starter that hands the configuration over as a descriptor hands over the code, Node and the secrets beside it. */
function inheritedBy(file: string, { secrets }: RuntimeConfig): number[] {
  if (!file.startsWith('fd:')) return [];
  return secrets === undefined ? [3, 4, 5] : [3, 4, 5, 6, 7];
}

function parse(argv: readonly string[]): { readonly file: string; readonly checkKeys: boolean } {
  const options = { config: { type: 'string' }, 'check-keys': { type: 'boolean', default: false } } as const;
  let values: { config?: string; 'check-keys': boolean };
  try {
    ({ values } = parseArgs({ args: [...argv], options }));
  } catch (error) {
    throw usage(messageOf(error));
  }
  if (values.config === undefined) throw usage('--config is missing');
  return { file: values.config, checkKeys: values['check-keys'] };
}

function usage(message: string): VectabaseError {
  return new VectabaseError('USAGE', { message, hint: 'Run vectabase daemon --config FILE.' });
}
